// What runs, how far is it, and what holds it? All runs of all databases: a table on a desk, cards on a phone.

import { h } from "./element.js";
import { badge, button, progressBar, shape } from "./shapes.js";
import { asked, count, counted, durations, isOver, moment, percent, short, standing } from "./words.js";

// `ask`: what the buttons do. The order is by name and never by urgency: a row must not jump away under a click.
export function list({ runs, databases, ask, now }) {
  if (!runs.length) {
    return [
      ...away(databases),
      h("p", { class: "empty" }, "No runs yet. ", h("code", {}, "tidegate run JOB"), " starts one."),
    ];
  }
  const byName = (a, b) => a.database.localeCompare(b.database) || a.job.localeCompare(b.job);
  const sorted = [...runs].sort((a, b) => isOver(a) - isOver(b) || byName(a, b));
  const head = ["Job", "State", "Progress", "Rate", "ETA", "What holds it"];
  return [
    h("h1", { class: "unseen" }, "All runs"),
    h(
      "div",
      { key: "summary", class: "summary" },
      summary(runs),
      h(
        "div",
        { class: "buttons" },
        button("Pause all…", { name: "pause-all", onclick: ask.pauseAll }),
        button("Resume all…", { name: "resume-all", onclick: ask.resumeAll }),
      ),
    ),
    ...away(databases),
    // Laid out as cards, a table is none for a screen reader unless its roles are said.
    h(
      "table",
      { key: "runs", class: "runs", role: "table", "aria-label": "all runs" },
      h(
        "thead",
        { role: "rowgroup" },
        h(
          "tr",
          { role: "row" },
          head.map((word) => h("th", { role: "columnheader", scope: "col" }, word)),
        ),
      ),
      h(
        "tbody",
        { role: "rowgroup" },
        sorted.map((run) => row(run, now)),
      ),
    ),
  ];
}

// How many are in which state, the urgent ones first.
export function summary(runs) {
  const order = [
    "failed",
    "held",
    "pausing",
    "cancelling",
    "running",
    "sweeping",
    "paused",
    "queued",
    "succeeded",
    "cancelled",
  ];
  const looks = runs.map((run) => standing(run));
  const groups = order
    .map((look) => [look, looks.filter((other) => other.look === look)])
    .filter(([, some]) => some.length);
  const words = (look, some) =>
    `${some.length} ${some.every(({ word }) => word === some[0].word) ? some[0].word : look}`;
  return h(
    "p",
    { class: "states", "aria-label": "runs by state" },
    groups.map(([look, some]) => badge({ look, word: words(look, some) })),
  );
}

// A database that does not answer: its runs are as they were last seen.
export function away(databases) {
  const gone = (databases ?? []).filter((database) => database.reachable === false);
  return gone.map(({ name, failure }) =>
    h(
      "p",
      { key: `away-${name}`, class: "banner failed", role: "alert" },
      shape("failed"),
      h(
        "span",
        {},
        `Database ${name} does not answer`,
        failure ? `: ${failure}` : "",
        ". Its runs are shown as last seen.",
      ),
    ),
  );
}

export function linkTo(run) {
  return `#/run/${encodeURIComponent(run.database)}/${encodeURIComponent(run.job)}`;
}

function row(run, now) {
  const { look } = standing(run);
  const cell = (label, name, ...content) => h("td", { role: "cell", class: name, "data-label": label }, ...content);
  const none = h("span", { class: "none" }, "–");
  return h(
    "tr",
    { key: `${run.database}/${run.job}`, role: "row", class: look },
    cell("Job", "job", h("a", { href: linkTo(run) }, run.job), h("small", {}, `${run.table} · ${run.database}`)),
    cell("State", "state", badge(standing(run))),
    cell(
      "Progress",
      "progress",
      progressBar(run, look),
      h("small", {}, `${percent(run.progress)} · ${counted(run.rows_changed, "row")}`),
    ),
    cell("Rate", "rate", run.speed && !isOver(run) ? `${rate(run)}/s` : none),
    cell("ETA", "eta", run.eta_seconds ? durations(run.eta_seconds) : none),
    cell(
      "What holds it",
      "why",
      reasons(run, now).map((reason) => h("div", {}, reason)),
    ),
  );
}

function rate(run) {
  const { rows_per_second: rows } = run.speed;
  return rows < 100 ? short(rows) : count(rows);
}

// What a person must know about a run, in lines.
export function reasons(run, now, begun) {
  const lines = [asked(run, begun), ...(run.held ?? []), run.failure].filter(Boolean);
  const byHand = ["pausing", "paused", "cancelling", "cancelled"].includes(run.state);
  if (byHand && run.actor) lines.push(`by ${run.actor}${run.reason ? `: ${run.reason}` : ""}`);
  if (byHand && run.resume_at) lines.push(`resumes by itself at ${moment(run.resume_at, now)} UTC`);
  if (run.state === "queued") lines.push(waiting(run, now));
  if (standing(run).word === "runner gone") lines.push("the next runner goes on from its checkpoints");
  if (run.rows_quarantined) lines.push(`${counted(run.rows_quarantined, "row")} set aside`);
  if (run.overrides?.length) lines.push(`set by hand: ${run.overrides.map(({ knob }) => knob).join(", ")}`);
  return lines;
}

function waiting(run, now) {
  if (!run.submitted) return "nobody runs it now";
  const from =
    run.not_before && Date.parse(run.not_before) > now ? `, not before ${moment(run.not_before, now)} UTC` : "";
  return `waits for a scheduler, priority ${run.priority ?? 0}${from}`;
}
