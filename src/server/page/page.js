// What does the page show now? Holds the one state: the newest snapshot, the run that is looked at, and whether the server
// is heard. Whatever arrives changes the state, and then all is drawn from it.

import { follow, now, pathOf, read } from "./api.js";
import { askForToken, asking } from "./asking.js";
import { h, show } from "./element.js";
import { list } from "./list.js";
import { noSuchRun, oneRun } from "./run.js";
import { shape } from "./shapes.js";
import { duration, moment, standing } from "./words.js";

// How often the details of the run that is looked at are read. Its state comes by the stream, at once.
const BETWEEN_DETAILS = 2_500;
const NOTICE_LASTS = 12_000;

// `told` belongs to `run`, the name of the run in the address, or null for all runs.
const state = { snapshot: null, lost: null, run: null, told: {}, cursor: null, notice: null };

const place = (id) => document.getElementById(id);
const ask = asking({ tell, refresh });

function main() {
  window.onhashchange = () => go(location.hash);
  document.querySelector(".skip").onclick = skip;
  go(location.hash);
  setInterval(readDetails, BETWEEN_DETAILS);
  setInterval(draw, 1000); // Ages grow by themselves.
  follow({ snapshot: heard, lost, refused: () => askForToken("This server wants a token.", true) });
}

// The address says which run is looked at, so the link must not change it.
function skip(event) {
  event.preventDefault();
  place("main").focus();
}

function heard(snapshot) {
  const first = state.snapshot === null || state.lost !== null;
  Object.assign(state, { snapshot, lost: null });
  if (first) readDetails();
  draw();
}

function lost(error) {
  state.lost = { since: state.lost?.since ?? now(), words: error.message };
  draw();
}

function tell({ words, failed = false }) {
  const notice = { words, failed };
  state.notice = notice;
  setTimeout(() => {
    if (state.notice === notice) state.notice = null;
    draw();
  }, NOTICE_LASTS);
  draw();
}

async function refresh() {
  try {
    state.snapshot = { ...state.snapshot, ...(await read("/api/v1/runs")) };
    draw();
  } catch {
    // The stream says it when the server is gone.
  }
  await readDetails();
}

// `#/run/DATABASE/JOB`, or anything else for all runs.
function go(hash) {
  const [, database, job] = /^#\/run\/([^/]+)\/([^/]+)$/.exec(hash) ?? [];
  Object.assign(state, {
    run: job ? { database: decoded(database), job: decoded(job) } : null,
    told: {},
    cursor: null,
  });
  draw();
  window.scrollTo(0, 0);
  readDetails();
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

// All details at once. One that cannot be read keeps what was told before, and that is said; one that is not there is none.
async function readDetails() {
  const { run, told } = state;
  if (run === null || state.snapshot === null || state.lost || document.hidden || told.reading) return;
  told.reading = true;
  const into = async (resource, field, of) => {
    try {
      told[field] = of(await read(pathOf(run, resource)));
    } catch (error) {
      if (error.status !== 404) throw error;
      told[field] = null;
    }
  };
  const reads = await Promise.allSettled([
    into("why", "why", (answer) => answer),
    into("history?last=50", "events", (answer) => answer.events),
    into("slices", "slices", (answer) => answer.slices),
    into("chart", "chart", (answer) => answer),
  ]);
  const failure = reads.find(({ status }) => status === "rejected")?.reason.message ?? null;
  Object.assign(told, { failure, at: failure === null ? now() : told.at, reading: false });
  draw();
}

function draw() {
  const { snapshot, run, told, cursor } = state;
  document.body.classList.toggle("stale", state.lost !== null);
  show(place("connection"), connection());
  show(place("top"), top());
  show(place("notice"), notice());
  show(place("main"), run === null ? allRuns(snapshot) : theRun(snapshot, run, told, cursor));
  document.title = title();
}

function allRuns(snapshot) {
  if (snapshot === null) return h("p", { class: "empty" }, "Waiting for the server's first word.");
  return list({ runs: snapshot.runs, databases: snapshot.databases, ask, now: now() });
}

function theRun(snapshot, { database, job }, told, cursor) {
  const run = snapshot?.runs.find((one) => one.database === database && one.job === job);
  if (!run) return noSuchRun({ database, job }, snapshot !== null);
  const look = (place) => {
    state.cursor = place;
    draw();
  };
  const databases = snapshot.databases?.filter(({ name }) => name === database);
  return oneRun({ run, told, databases, ask, now: now(), cursor, look });
}

// Never numbers without this mark when nobody is heard.
function connection() {
  if (state.lost === null) return null;
  const { since, words } = state.lost;
  const seen = state.snapshot ? " What you see is from then." : "";
  return h(
    "p",
    { class: "banner failed" },
    shape("failed"),
    h(
      "span",
      {},
      h("strong", {}, "No connection to the server"),
      // Spoken once, not every second.
      ` since ${moment(since, now())} UTC`,
      h("span", { "aria-hidden": "true" }, ` (${duration((now() - since) / 1000)})`),
      `.${seen} `,
      h("small", {}, words),
    ),
  );
}

function top() {
  const word = state.lost ? "not connected" : state.snapshot ? "live" : "connecting";
  return [
    h(
      "a",
      { class: "brand", href: "#/" },
      h(
        "svg",
        { viewBox: "0 0 16 16", "aria-hidden": "true" },
        h("path", { d: "M1 2h14v3H1zM1 7h9v3H1zM1 12h5v3H1z" }),
      ),
      "tidegate",
    ),
    h("span", { class: `heard ${word.replace(" ", "-")}` }, word),
    h("time", {}, `${moment(now(), now())} UTC`),
  ];
}

function notice() {
  if (state.notice === null) return null;
  const close = () => {
    state.notice = null;
    draw();
  };
  return h(
    "p",
    { class: `banner ${state.notice.failed ? "failed" : "said"}` },
    shape(state.notice.failed ? "failed" : "succeeded"),
    h("span", {}, state.notice.words),
    h("button", { type: "button", class: "plain", "aria-label": "close", onclick: close }, "×"),
  );
}

function title() {
  const runs = state.snapshot?.runs ?? [];
  const one = state.run && runs.find(({ database, job }) => database === state.run.database && job === state.run.job);
  if (state.lost) return "not connected – tidegate";
  if (one) return `${one.job}: ${standing(one).word} – tidegate`;
  const held = runs.filter((run) => ["held", "failed"].includes(standing(run).look)).length;
  return held ? `${held} held or failed – tidegate` : "tidegate";
}

main();
