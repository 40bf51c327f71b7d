// Which shapes does the page draw more than once? A state is told by word and shape, never by colour alone.

import { h } from "./element.js";
import { percent } from "./words.js";

const SHAPES = {
  running: "M3 2l8 5-8 5z",
  sweeping: "M3 2l4 5-4 5zM7 2l4 5-4 5z",
  pausing: "M3 2h3v10H3zM8.5 2.5h2v9h-2z",
  paused: "M3 2h3v10H3zM8 2h3v10H8z",
  held: "M2 2h10L8 7l4 5H2l4-5z",
  failed: "M3 1l4 4 4-4 2 2-4 4 4 4-2 2-4-4-4 4-2-2 4-4-4-4z",
  succeeded: "M1 8l2-2 3 3 6-7 1.500 1.500L6 12z",
  queued: "M2 6h2v2H2zM6 6h2v2H6zM10 6h2v2h-2z",
  cancelling: "M2 2h10v10H2zM4 4v6h6V4z",
  cancelled: "M2 2h10v10H2z",
};

// A state as shape and word.
export function badge({ look, word }) {
  return h("span", { class: `badge ${look}` }, shape(look), word);
}

export function shape(look) {
  const path = h("path", { d: SHAPES[look] ?? SHAPES.queued, "fill-rule": "evenodd" });
  return h("svg", { class: "shape", viewBox: "0 0 14 14", "aria-hidden": "true" }, path);
}

// How far a run is.
export function progressBar(run, look) {
  const share = Math.min(1, Math.max(0, run.progress ?? 0));
  const now = Math.floor(share * 1000) / 10;
  const about = {
    role: "progressbar",
    "aria-label": `progress of ${run.job}`,
    "aria-valuemin": 0,
    "aria-valuemax": 100,
  };
  return h(
    "div",
    { class: `bar ${look}`, "aria-valuenow": now, "aria-valuetext": percent(share), ...about },
    h("div", { class: "done", style: { width: `${share * 100}%` } }),
  );
}

// A part of the page with its title.
export function panel(name, title, ...content) {
  return h(
    "section",
    { key: name, class: `panel ${name}`, "aria-labelledby": `${name}-title` },
    h("h2", { id: `${name}-title` }, title),
    ...content,
  );
}

// A button that says why it cannot be pressed, rather than vanish.
export function button(words, { onclick, enabled = true, look = "", name }) {
  return h("button", { key: name, type: "button", class: look, name, disabled: !enabled, onclick }, words);
}
