// How is this one run? Asked and reached, figures, buttons, and the panels that say why.

import { charts } from "./chart.js";
import { h } from "./element.js";
import { away, reasons } from "./list.js";
import { events, overrides, signals, timeLedger } from "./panels.js";
import { badge, button, progressBar, shape } from "./shapes.js";
import { begun, slices } from "./slices.js";
import { count, counted, duration, durations, isOver, mayBe, moment, percent, short, standing } from "./words.js";

// `told`: what was last read of its details, each absent until then, with why the newest try failed; `ask`: what the buttons
// do.
export function oneRun({ run, told, databases, ask, now, cursor, look }) {
  return [
    h("p", { class: "back" }, h("a", { href: "#/" }, "← all runs")),
    title(run),
    away(databases),
    banner(run, told, now),
    progress(run),
    buttons(run, ask),
    outdated(told, now),
    slices(told.slices),
    h(
      "div",
      { class: "columns" },
      h(
        "div",
        { class: "column" },
        charts({ chart: told.chart, signals: told.why?.signals, now, cursor, look }),
        timeLedger(told.why),
      ),
      h(
        "div",
        { class: "column" },
        signals(told.why),
        overrides(run, (override) => ask.takeBack(run, override), now),
        events(told.events, now),
      ),
    ),
  ];
}

// What is below may be old.
function outdated({ failure, at }, now) {
  if (!failure) return null;
  const since = at ? `What is below is from ${moment(at, now)} UTC` : "The details could not be read";
  return h(
    "p",
    { key: "outdated", class: "banner failed", role: "alert" },
    shape("failed"),
    h("span", {}, `${since}: ${failure}`),
  );
}

export function noSuchRun({ database, job }, known) {
  const words = known ? `There is no run of ${job} in ${database}.` : "Waiting for the server's first word.";
  return [h("p", { class: "back" }, h("a", { href: "#/" }, "← all runs")), h("p", { class: "empty" }, words)];
}

function title(run) {
  return h(
    "div",
    { class: "title" },
    h("h1", {}, run.job),
    badge(standing(run)),
    h("p", {}, `run ${run.run} on ${run.table} in ${run.database}`),
  );
}

function banner(run, told, now) {
  const { look, word } = standing(run);
  const lines = reasons(run, now, begun(told.slices));
  if (!lines.length) return null;
  return h(
    "div",
    { class: `banner ${look}` },
    shape(look),
    h(
      "div",
      {},
      h("strong", {}, word),
      h(
        "ul",
        {},
        lines.map((line) => h("li", {}, line)),
      ),
    ),
  );
}

function progress(run) {
  const figure = (name, value, more) =>
    h("div", {}, h("dt", {}, name), h("dd", {}, value, more ? h("small", {}, more) : null));
  const speed = isOver(run) ? null : run.speed;
  const each = speed
    ? `${counted(speed.batch_rows, "row")} a batch, ${counted(speed.workers, "worker")} at ${Math.round(speed.share * 100)} %`
    : null;
  const rate = speed && (speed.rows_per_second < 100 ? short(speed.rows_per_second) : count(speed.rows_per_second));
  return [
    h("div", { class: "progress" }, progressBar(run, standing(run).look)),
    h(
      "dl",
      { class: "figures" },
      figure("done", percent(run.progress), "of the key space"),
      figure(
        "rows changed",
        count(run.rows_changed),
        `${counted(run.batches, "batch")}, ${counted(run.retries, "retry").replace("retrys", "retries")}`,
      ),
      figure("rate", speed ? `${rate}/s` : "–", each),
      figure("ETA", run.eta_seconds ? durations(run.eta_seconds) : "–"),
      figure(
        "set aside",
        count(run.rows_quarantined),
        run.rows_quarantined ? `tidegate quarantine list ${run.job}` : null,
      ),
      figure(
        run.ended_at ? "ended" : "runner",
        run.ended_at ? `${moment(run.ended_at)} UTC` : (run.runner?.actor ?? "nobody"),
        run.ended_at ? null : lease(run.runner),
      ),
    ),
  ];
}

function lease(runner) {
  if (!runner) return null;
  const { pid, alive, expires_in_seconds: left } = runner;
  return `process ${pid}, ${alive ? `lease ${duration(Math.max(0, left))}` : "gone"}`;
}

function buttons(run, ask) {
  const may = mayBe(run);
  const one = (name, words, enabled, look) => button(words, { name, enabled, look, onclick: () => ask[name](run) });
  return h(
    "div",
    { class: "buttons", role: "group", "aria-label": `what to ask of ${run.job}` },
    one("pause", "Pause…", may.paused),
    one("resume", "Resume", may.resumed),
    one("slower", "Slower", may.paced),
    one("faster", "Faster", may.paced),
    one("cancel", "Cancel…", may.cancelled, "danger"),
  );
}
