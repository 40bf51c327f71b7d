// How are numbers, times and states written? As `tidegate status` and `why` write them. Pure.

// 1234567 as 1,234,567.
export function count(number) {
  return Math.round(number ?? 0).toLocaleString("en-US");
}

// A share as a percentage that reads 100 only when all is done.
export function percent(share) {
  return share >= 1 ? "100 %" : `${(Math.floor((share ?? 0) * 1000) / 10).toFixed(1)} %`;
}

// Seconds with at most two units: 1h 3m, 4m 12s, 2.5s, 80ms.
export function duration(seconds) {
  const whole = Math.floor(seconds);
  if (seconds < 1) return `${Math.round(seconds * 1000)}ms`;
  if (seconds < 10) return `${seconds.toFixed(1)}s`;
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${whole % 60}s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)}h ${Math.floor((whole % 3600) / 60)}m`;
  return `${Math.floor(whole / 86400)}d ${Math.floor((whole % 86400) / 3600)}h`;
}

// A range of seconds, or one value where both ends look the same.
export function durations([low, high]) {
  const [from, to] = [duration(low), duration(high)];
  return from === to ? from : `${from} to ${to}`;
}

// A number with its unit, as in a reason: 4.2s, 64MiB, 12.
export function quantity({ value, unit }) {
  if (unit === "seconds")
    return value < 0.9995 ? `${short(value * 1000)}ms` : value < 60 ? `${short(value)}s` : duration(value);
  if (unit === "bytes") return bytes(value);
  if (unit === "bytes-per-second") return `${bytes(value)}/s`;
  return short(value);
}

function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const unit = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, value)) / 10)));
  return short(value / 1024 ** unit) + units[unit];
}

// One decimal below ten, none above, none that is zero; from ten thousand in thousands, so that an axis stays narrow.
export function short(value) {
  if (Math.abs(value) >= 999_500) return `${short(value / 1e6)}M`;
  if (Math.abs(value) >= 9_950) return `${short(value / 1e3)}k`;
  return (Math.abs(value) < 9.95 ? value.toFixed(1) : value.toFixed(0)).replace(/\.0$/, "");
}

// A moment as the log writes it: 2026-11-21 03:04:05, in UTC; without the date where it is the day of `now`.
export function moment(at, now) {
  const [day, time] = iso(at).split("T");
  return now && iso(now).startsWith(day) ? time : `${day} ${time}`;
}

function iso(at) {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? String(at) : date.toISOString().slice(0, 19);
}

// A noun with its number: 1 row, 2 batches.
export function counted(number, noun) {
  const plural = /(ch|ss)$/.test(noun) ? "es" : "s";
  return `${count(number)} ${noun}${number === 1 ? "" : plural}`;
}

// What a person sees first of a run: its state, unless something else is more urgent. `look` picks colour and shape.
export function standing(run) {
  const walks = run.state === "running" || run.state === "sweeping";
  if (walks && run.runner && !run.runner.alive) return { look: "failed", word: "runner gone" };
  if (walks && run.held?.length) return { look: "held", word: "held" };
  return { look: run.state, word: run.state };
}

// What was asked and is not reached yet. Each worker has one batch in hand at most, in a slice that is begun; `begun` is how
// many there are, where that is known.
export function asked(run, begun) {
  const word = { pausing: "pause", cancelling: "cancel" }[run.state];
  if (!word) return null;
  const most = Math.min(begun ?? Infinity, run.speed?.workers ?? Infinity);
  if (most === 0) return `${word} asked, no batch is in hand any more`;
  if (most === Infinity) return `${word} asked, the batches in hand finish first`;
  return `${word} asked, ${most === 1 ? "the batch in hand finishes" : `up to ${most} batches in hand finish`} first`;
}

// Which buttons make sense in a state. The server decides; this only spares a refusal.
export function mayBe(run) {
  const is = (...states) => states.includes(run.state);
  return {
    paused: is("queued", "running", "sweeping"),
    resumed: is("pausing", "paused"),
    cancelled: is("queued", "running", "pausing", "paused", "sweeping", "failed"),
    paced: is("queued", "running", "pausing", "paused", "sweeping"),
  };
}

// Whether nothing more will happen.
export function isOver(run) {
  return run.state === "succeeded" || run.state === "cancelled";
}
