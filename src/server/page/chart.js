// How did the last hour go? Small charts under each other on one axis of time: rate, batch time, and each signal with its
// limit. A gap is where nothing was told. Pointer or arrow keys read a moment out of all of them.

import { h } from "./element.js";
import { panel } from "./shapes.js";
import { moment, quantity, short } from "./words.js";

const HOUR = 3_600_000;
const [WIDTH, HEIGHT] = [1000, 100];

// Two samples may be missing before the line is broken.
const STEPS_OF_A_GAP = 2.5;

// `cursor`: the sample that is read out, or null; `look(place)` moves it.
export function charts({ chart, signals, now, cursor, look }) {
  if (!chart) return null;
  const samples = chart.samples
    .map((sample) => ({ ...sample, at: timeOf(sample.at) }))
    .filter(({ at }) => at > now - HOUR);
  const title = "The last hour";
  if (!samples.length) return panel("charts", title, h("p", { class: "empty" }, "Nothing was told in the last hour."));
  const shared = {
    samples,
    now,
    cursor: cursor === null ? null : Math.min(cursor, samples.length - 1),
    look,
    step: (chart.step_seconds || 1) * 1000,
  };
  return panel(
    "charts",
    title,
    h(
      "div",
      { class: "small-charts" },
      series(samples, signals ?? []).map((one) => smallChart(one, shared)),
    ),
  );
}

// What is drawn: each with its unit, its value of a sample, and its limit, if it has one.
function series(samples, signals) {
  const plain = (field) => (sample) => sample[field] ?? null;
  const names = new Set(samples.flatMap((sample) => Object.keys(sample.signals ?? {})));
  const seen = (name) => (sample) => {
    const value = sample.signals?.[name] ?? null;
    return value !== null && typeof value === "object" ? value.value : value;
  };
  const ofSignal = (name) => {
    const limit = signals.find(({ signal }) => signal === name)?.max;
    return { title: name, unit: limit?.unit ?? "number", value: seen(name), limit: limit?.value ?? null };
  };
  return [
    { title: "rate", unit: "rows/s", value: plain("rows_per_second"), limit: null },
    { title: "batch time", unit: "seconds", value: plain("batch_seconds"), limit: null },
    ...[...names].sort().map(ofSignal),
  ];
}

function smallChart({ title, unit, value, limit }, { samples, now, cursor, look, step }) {
  const values = samples.map(value);
  const top = niceTop(Math.max(limit === null ? 0 : limit * 1.1, ...values.filter((one) => one !== null)), unit);
  const x = (place) => ((samples[place].at - (now - HOUR)) / HOUR) * WIDTH;
  const y = (one) => HEIGHT - (one / top) * HEIGHT;
  const shown = cursor ?? samples.length - 1;
  const readout = values[shown] === null ? "nothing told" : written(values[shown], unit);
  const line = (name, from, to) => h("line", { class: name, x1: from[0], y1: from[1], x2: to[0], y2: to[1] });
  return h(
    "figure",
    { key: title, class: "chart" },
    h(
      "figcaption",
      {},
      h("span", { class: "title" }, title),
      limit === null ? null : h("span", { class: "limit" }, `limit ${written(limit, unit)}`),
      h("span", { class: "readout" }, `${cursor === null ? "" : `${moment(samples[shown].at, now)} `}${readout}`),
    ),
    h(
      "div",
      { class: "plot" },
      h(
        "div",
        { class: "y-axis", "aria-hidden": "true" },
        [top, top / 2, 0].map((tick) => h("span", {}, written(tick, unit))),
      ),
      h(
        "svg",
        {
          viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
          preserveAspectRatio: "none",
          tabindex: 0,
          ...reading(title, shown, samples, readout, now),
          onpointermove: (event) => look(nearest(event, samples, now)),
          onpointerleave: () => look(null),
          onblur: () => look(null),
          onkeydown: (event) => stepBy(event, shown, samples.length, look),
        },
        [0, 0.5, 1].map((share) => line("grid", [0, share * HEIGHT], [WIDTH, share * HEIGHT])),
        limit === null ? null : line("at-limit", [0, y(limit)], [WIDTH, y(limit)]),
        h("path", { class: "curve", d: path(samples, values, x, y, step) }),
        cursor === null ? null : line("cursor", [x(shown), 0], [x(shown), HEIGHT]),
      ),
      h(
        "div",
        { class: "x-axis", "aria-hidden": "true" },
        ["60 min ago", "45", "30", "15", "now"].map((tick) => h("span", {}, tick)),
      ),
    ),
  );
}

// A line through what was told, broken where nothing was.
export function path(samples, values, x, y, step) {
  const parts = [];
  let before = null;
  values.forEach((value, place) => {
    if (value === null) return;
    const goesOn = before === place - 1 && samples[place].at - samples[before].at <= step * STEPS_OF_A_GAP;
    // A moment alone is a dot: a line of no length with round ends.
    parts.push(`${goesOn ? "L" : "M"}${x(place).toFixed(1)} ${y(value).toFixed(1)}${goesOn ? "" : "h0.01"}`);
    before = place;
  });
  return parts.join("");
}

// For those who do not see the chart it is a slider over the hour.
function reading(title, shown, samples, readout, now) {
  return {
    role: "slider",
    "aria-label": `${title} in the last hour`,
    "aria-valuemin": 0,
    "aria-valuemax": samples.length - 1,
    "aria-valuenow": shown,
    "aria-valuetext": `${moment(samples[shown].at, now)}: ${readout}`,
  };
}

function nearest(event, samples, now) {
  const area = event.currentTarget.getBoundingClientRect();
  const at = now - HOUR + ((event.clientX - area.left) / area.width) * HOUR;
  const distance = (place) => Math.abs(samples[place].at - at);
  return samples.reduce((best, _, place) => (distance(place) < distance(best) ? place : best), 0);
}

function stepBy(event, shown, length, look) {
  const far = Math.max(1, Math.round(length / 20));
  const steps = { ArrowLeft: -1, ArrowRight: 1, PageDown: -far, PageUp: far, Home: -length, End: length };
  if (!(event.key in steps)) return;
  event.preventDefault();
  look(Math.min(length - 1, Math.max(0, shown + steps[event.key])));
}

// The end of an axis: a round number whose half is one too, for bytes in their own thousands.
export function niceTop(most, unit) {
  if (!(most > 0)) return 1;
  const base = unit.startsWith("bytes") ? 1024 ** Math.max(0, Math.floor(Math.log2(most) / 10)) : 1;
  const digit = 10 ** Math.floor(Math.log10(most / base));
  return [1, 2, 3, 4, 5, 6, 8, 10].find((step) => step * digit * base >= most) * digit * base;
}

function written(value, unit) {
  return unit === "rows/s" ? `${short(value)}/s` : quantity({ value, unit });
}

function timeOf(at) {
  return typeof at === "number" ? at * 1000 : Date.parse(at);
}
