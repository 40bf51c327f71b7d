// Where in the key space is the work? A strip of slices per pass, from the first key to the last. Without keys: they are
// data. Serves a thousand slices: neighbours in one state are one shape.

import { h } from "./element.js";
import { panel } from "./shapes.js";
import { count, counted, percent } from "./words.js";

// A slice that is begun is in hand only while somebody walks.
const STATES = { done: "done", "in-hand": "begun", "set-aside": "set aside for later", waiting: "waiting" };

// A thousandth of the strip's width is a unit. What is in hand or set aside stays visible however thin it is.
const WIDTH = 1000;
const LEAST = 4;

export function slices(all) {
  if (!all) return null;
  const passes = [...Map.groupBy(all, ({ pass }) => pass).entries()].sort(([a], [b]) => a - b);
  return panel(
    "slices",
    "Through the key space",
    passes.map(([pass, some], place) => strip(place === 0 ? "walk" : `sweep ${place}`, pass, some)),
    h(
      "ul",
      { class: "legend" },
      Object.entries(STATES).map(([state, word]) => h("li", {}, swatch(state), word)),
    ),
  );
}

// How many slices are begun and not at their end.
export function begun(all) {
  return all?.filter(({ state }) => state === "in-hand").length;
}

function strip(name, pass, some) {
  const sorted = [...some].sort((a, b) => a.slice - b.slice);
  const unit = WIDTH / sorted.length;
  const number = (state) => sorted.filter((slice) => slice.state === state).length;
  const facts = Object.entries(STATES)
    .filter(([state]) => number(state))
    .map(([state, word]) => `${count(number(state))} ${word}`);
  const words = `${counted(sorted.length, "slice")}: ${facts.join(", ")}`;
  return h(
    "div",
    { key: pass, class: "strip" },
    h("p", {}, h("strong", {}, name), ` ${words}`),
    h(
      "svg",
      { viewBox: `0 0 ${WIDTH} 20`, preserveAspectRatio: "none", role: "img", "aria-label": `${name}: ${words}` },
      defined(pass),
      stretches(sorted).map((stretch) => draw(stretch, unit, sorted.length, pass)),
    ),
  );
}

// Neighbours in one state; a slice in hand stands alone, because it has a progress of its own.
export function stretches(sorted) {
  const found = [];
  sorted.forEach((slice, place) => {
    const last = found.at(-1);
    if (last?.state === slice.state && slice.state !== "in-hand") last.length += 1;
    else found.push({ state: slice.state, from: place, length: 1, progress: slice.progress, slice: slice.slice });
  });
  // Those that must be seen are drawn over the others.
  return found.sort((a, b) => urgency(a) - urgency(b));
}

function urgency({ state }) {
  return ["waiting", "done", "in-hand", "set-aside"].indexOf(state);
}

function draw({ state, from, length, progress, slice }, unit, all, pass) {
  const gap = all <= 100 ? Math.min(2, unit / 5) : 0;
  const least = urgency({ state }) > 1 ? LEAST : 0;
  const [x, width] = [from * unit, Math.max(length * unit - gap, least)];
  const part = (name, wide, more) => h("rect", { class: name, x, width: wide, y: 0, height: 20, ...more });
  const title =
    state === "in-hand"
      ? `slice ${slice}: begun, ${percent(progress)}`
      : length === 1
        ? `slice ${slice}: ${STATES[state]}`
        : `${counted(length, "slice")} ${STATES[state]}`;
  // Slices that are done or wait together still show where one ends, while there are few.
  const lines =
    gap && length > 1
      ? Array.from({ length: length - 1 }, (_, i) =>
          h("rect", { class: "gap", x: x + (i + 1) * unit - gap, width: gap, y: 0, height: 20 }),
        )
      : [];
  return h(
    "g",
    {},
    h("title", {}, title),
    part(state, width, state === "set-aside" ? { fill: `url(#aside-${pass})` } : {}),
    state === "in-hand" ? part("walked", width * (progress ?? 0)) : null,
    lines,
  );
}

// The hatching of what is set aside: it differs by more than its colour.
function defined(pass) {
  return h(
    "defs",
    {},
    h(
      "pattern",
      { id: `aside-${pass}`, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      h("rect", { class: "aside-ground", width: 6, height: 6 }),
      h("rect", { class: "aside-line", width: 3, height: 6 }),
    ),
  );
}

function swatch(state) {
  return h("span", { class: `swatch slice-${state}`, "aria-hidden": "true" });
}
