// Why is a run as fast as it is, and what was done to it? Its signals against their limits, where its time went, what was
// set by hand, and what happened.

import { h } from "./element.js";
import { button, panel } from "./shapes.js";
import { duration, moment, percent, quantity } from "./words.js";

// The limit stands here on every bar, so that what is over it has room to show.
const LIMIT_AT = 0.75;

export function signals(why) {
  if (!why) return null;
  const none = h("p", { class: "empty" }, "Its job names no signal: nothing but an operator holds this run.");
  const changes = [...(why.changes ?? [])].reverse().slice(0, 5);
  return panel(
    "signals",
    "Signals against their limits",
    why.signals.length ? h("ul", { class: "signals" }, why.signals.map(signal)) : none,
    changes.length
      ? h(
          "details",
          {},
          h("summary", {}, "Last changes of speed"),
          h(
            "ul",
            { class: "changes" },
            changes.map((change) =>
              h("li", {}, h("time", {}, moment(change.at)), ` ${change.from} → ${change.to}: ${change.why}`),
            ),
          ),
        )
      : null,
  );
}

function signal({ signal: name, seen, of, unknown, max, age_seconds: age, trend, holds }) {
  const share = seen && max.value > 0 ? seen.value / max.value : 0;
  const look = seen ? (holds || share > 1 ? "over" : "") : "unknown";
  const said = seen ? `${quantity(seen)} of ${quantity(max)}` : `unknown, limit ${quantity(max)}`;
  const more = [
    holds && "holds the run",
    trend,
    age === null || age === undefined ? null : `${duration(age)} old`,
    of,
    seen ? null : unknown,
  ];
  return h(
    "li",
    { key: `${name} ${of ?? ""}`, class: look },
    h("div", { class: "words" }, h("strong", {}, name), h("span", { class: "said" }, said)),
    h(
      "div",
      {
        class: "gauge",
        role: "meter",
        "aria-label": name,
        "aria-valuemin": 0,
        "aria-valuemax": max.value,
        "aria-valuenow": seen ? Math.min(seen.value, max.value) : null,
        "aria-valuetext": said,
      },
      h("div", { class: "seen", style: { width: `${Math.min(1, share * LIMIT_AT) * 100}%` } }),
      h("div", { class: "mark", style: { left: `${LIMIT_AT * 100}%` } }),
    ),
    h("small", {}, more.filter(Boolean).join(", ")),
  );
}

export function timeLedger(why) {
  if (!why) return null;
  const { wall_seconds: wall, buckets } = why.time;
  const title = "Where the time went";
  if (!(wall > 0)) return panel("time", title, h("p", { class: "empty" }, "No runner has held it yet."));
  const share = ({ seconds }) => seconds / wall;
  const words = ({ bucket, seconds }) => `${bucket} ${percent(Math.min(0.9999, seconds / wall))}`;
  return panel(
    "time",
    title,
    h(
      "div",
      { class: "stack", role: "img", "aria-label": buckets.map(words).join(", ") },
      // A vacuum goes on beside the workers, whose time this is.
      buckets.filter(({ bucket }) => bucket !== "vacuum").map((spent) =>
        h("div", {
          key: spent.bucket,
          class: kindOf(spent.bucket),
          title: words(spent),
          style: { width: `${share(spent) * 100}%` },
        }),
      ),
    ),
    h(
      "table",
      { class: "figures" },
      h(
        "tbody",
        {},
        buckets.map((spent) =>
          h(
            "tr",
            { key: spent.bucket },
            h("td", {}, h("span", { class: `swatch ${kindOf(spent.bucket)}`, "aria-hidden": "true" }), spent.bucket),
            h("td", { class: "number" }, duration(spent.seconds)),
            h("td", { class: "number" }, `${(share(spent) * 100).toFixed(1)} %`),
          ),
        ),
      ),
    ),
    h("p", { class: "total" }, `${duration(wall)} held by runners`),
  );
}

// Buckets of a kind share a colour; the words beside it tell which one it is.
export function kindOf(bucket) {
  const [kind] = bucket.split(":");
  return (
    {
      boundary: "work-1",
      apply: "work-2",
      commit: "work-3",
      "lock-wait": "trouble",
      retry: "trouble",
      held: "holding",
      slowed: "slowing",
      duty: "slowing",
      rate: "slowing",
      paused: "stopped",
      vacuum: "slowing",
    }[kind] ?? "resting"
  );
}

// `takeBack(override)`: gives the knob back to the job file.
export function overrides(run, takeBack, now) {
  if (!run.overrides?.length) return null;
  const ends = (at) =>
    at ? `ends ${moment(at, now)} UTC, in ${duration(Math.max(0, (Date.parse(at) - now) / 1000))}` : "until taken back";
  return panel(
    "overrides",
    "Set by hand",
    h(
      "ul",
      { class: "overrides" },
      run.overrides.map((override) =>
        h(
          "li",
          { key: override.knob },
          h(
            "div",
            { class: "words" },
            h("strong", {}, override.knob),
            h(
              "span",
              { class: "said" },
              `${override.value}${override.was === null || override.was === undefined ? "" : ` instead of ${override.was}`}`,
            ),
          ),
          h(
            "small",
            {},
            `${ends(override.expires_at)}; by ${override.actor}${override.reason ? `: ${override.reason}` : ""}`,
          ),
          button("Take back", { onclick: () => takeBack(override) }),
        ),
      ),
    ),
  );
}

export function events(all, now) {
  if (!all) return null;
  const newest = [...all].reverse();
  const title = "What happened";
  if (!newest.length) return panel("events", title, h("p", { class: "empty" }, "Nothing yet."));
  return panel(
    "events",
    title,
    h(
      "ol",
      {},
      newest.map((event, place) =>
        h(
          "li",
          { key: `${event.at} ${newest.length - place}` },
          h("time", { datetime: event.at }, moment(event.at, now)),
          h(
            "div",
            {},
            h("strong", {}, happened(event)),
            event.actor ? ` by ${event.actor}` : "",
            [event.reason, event.detail].filter(Boolean).map((words) => h("div", { class: "said" }, words)),
          ),
        ),
      ),
    ),
    h("p", { class: "total" }, "Times are UTC, the newest first."),
  );
}

function happened({ kind, knob, from, to }) {
  if (knob) return `${knob} ${from ?? "as in the job"} → ${to ?? "as in the job"}`;
  if (from && to) return `${from} → ${to}`;
  return to ? `${kind} as ${to}` : kind;
}
