// What can be asked of a run, and what came of it? Each button names the version it was pressed on, so that nobody decides
// about a state they did not see.

import { hasToken, pathOf, useToken, write } from "./api.js";
import { askFor } from "./dialog.js";
import { counted } from "./words.js";

const DURATIONS = [
  ["", "until somebody resumes"],
  ["15m", "for 15 minutes"],
  ["1h", "for 1 hour"],
  ["2h", "for 2 hours"],
  ["8h", "for 8 hours"],
  ["24h", "for a day"],
];

// How long a speed that was clicked lasts: a night's click must not slow a run for weeks.
const SPEED_LASTS = "1h";

// The least duty that a job file may have.
const LEAST_DUTY = 0.01;

// `tell({ words, failed })` shows what came of it; `refresh()` reads the runs anew.
export function asking({ tell, refresh }) {
  const send = async (path, body, said) => {
    try {
      const answer = await writeWithToken(path, body);
      if (answer) tell({ words: said(answer) });
    } catch (refused) {
      tell({ words: whyNot(refused), failed: true });
    }
    await refresh();
  };
  const ofRun = (run, verb, body, said) =>
    send(pathOf(run, verb), { ...body, if_version: run.run_version }, (answer) => `${run.job}: ${said(answer)}`);
  const duty = (run, factor) => {
    const [from, to] = dutyTimes(run, factor);
    return ofRun(
      run,
      "set",
      { values: { "pace.duty": to }, for: SPEED_LASTS },
      () => `pace.duty ${threePlaces(from)} → ${threePlaces(to)} for ${SPEED_LASTS}`,
    );
  };
  return {
    async pause(run) {
      const answer = await askFor(pauseQuestion(run));
      if (answer) await ofRun(run, "pause", given(answer), stateNow);
    },
    resume: (run) => ofRun(run, "resume", {}, stateNow),
    async cancel(run) {
      const answer = await askFor(cancelQuestion(run));
      if (answer) await ofRun(run, "cancel", given({ reason: answer.reason }), stateNow);
    },
    slower: (run) => duty(run, 0.5),
    faster: (run) => duty(run, 2),
    takeBack: (run, { knob }) =>
      ofRun(run, "set", { values: { [knob]: null } }, () => `${knob} is as the job file says again`),
    async pauseAll() {
      const answer = await askFor(
        allQuestion("Pause all runs", "No run of any database begins another batch.", "Pause all"),
      );
      if (answer) await send("/api/v1/pause-all", given(answer), ofAll("Pause asked"));
    },
    async resumeAll() {
      const answer = await askFor(
        allQuestion("Resume all runs", "Every paused run goes on, whoever paused it.", "Resume all"),
      );
      if (answer) await send("/api/v1/resume-all", given(answer), ofAll("Resume asked"));
    },
  };
}

// Asks for a token until there is one. `wrong`: the last one was not taken.
export async function askForToken(words, must) {
  const wrong = hasToken() ? "The token of this tab was not taken. " : "";
  const answer = await askFor({
    title: "Token",
    words: wrong + words,
    must,
    confirm: "Use it",
    fields: [{ name: "token", label: "Token", type: "password", hint: "Kept in this tab until it is closed." }],
  });
  if (answer?.token) useToken(answer.token.trim());
  return Boolean(answer?.token);
}

// Half or twice the duty that is in force: set by hand, else as the run goes now.
export function dutyTimes(run, factor) {
  const set = run.overrides?.find(({ knob }) => knob === "pace.duty");
  const from = Number(set?.value ?? run.speed?.share ?? 1) || 1;
  return [from, Math.min(1, Math.max(LEAST_DUTY, Math.round(from * factor * 1000) / 1000))];
}

async function writeWithToken(path, body) {
  for (;;) {
    try {
      return await write(path, body);
    } catch (refused) {
      const forToken = refused.status === 401 || refused.body.error?.code === "read-only";
      if (!forToken || !(await askForToken("The server wants the write token for this.", false))) throw refused;
    }
  }
}

// A refusal in words; a conflict shows the state as it is.
function whyNot({ status, body, message }) {
  if (body.failures) return ofAll("Asked")(body);
  if (status === 409 && body.state)
    return `Not done: the run is ${body.state} now (version ${body.run_version}). Look again before you ask again.`;
  return `Not done: ${message}`;
}

// What came of asking all runs: how many did it, which did not, and which databases could not be asked.
function ofAll(word) {
  return ({ runs = [], failures = [] }) => {
    const refused = runs.filter(({ accepted }) => !accepted).map(({ job, state }) => `${job} is ${state}`);
    const lost = failures.map(({ database, message }) => `database ${database} was not asked: ${message}`);
    return [`${word}: ${counted(runs.length - refused.length, "run")}`, ...refused, ...lost].join("; ");
  };
}

function stateNow({ state }) {
  return (
    {
      pausing: "pause asked, the batches in hand finish first",
      cancelling: "cancel asked, the batches in hand finish first",
    }[state] ?? `is ${state}`
  );
}

function pauseQuestion(run) {
  return {
    title: `Pause ${run.job}`,
    words: "In force within one batch. What is committed stays.",
    confirm: "Pause",
    fields: [
      { name: "reason", label: "Reason", hint: "Shown to everybody, with who asked." },
      { name: "for", label: "How long", choices: DURATIONS },
    ],
  };
}

function cancelQuestion(run) {
  return {
    title: `Cancel ${run.job}`,
    words: "The run ends and cannot go on. What is committed stays.",
    confirm: "Cancel the run",
    look: "danger",
    fields: [
      { name: "reason", label: "Reason" },
      { name: "job", label: `Type ${run.job} to cancel it`, mustBe: run.job },
    ],
  };
}

function allQuestion(title, words, confirm) {
  return {
    title,
    words,
    confirm,
    fields: [{ name: "reason", label: "Reason", needed: true, hint: "Shown to everybody, with who asked." }],
  };
}

// What was filled in; an empty field is none.
function given(answer) {
  return Object.fromEntries(
    Object.entries(answer)
      .filter(([, value]) => value?.trim())
      .map(([name, value]) => [name, value.trim()]),
  );
}

function threePlaces(share) {
  return String(Math.round(share * 1000) / 1000);
}
