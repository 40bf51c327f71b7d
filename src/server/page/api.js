// How does the page talk to its server? Reads, writes, and one stream of snapshots that comes back by itself. Knows no view.
// The token is kept for this tab alone, and goes nowhere but into a header.

const TOKEN = "tidegate-token";

// The server says something at least every 15 s; twice that, less a little, is silence.
const SILENCE = 28_000;

const FIRST_WAIT = 500;
const LONGEST_WAIT = 10_000;

// The server's clock minus ours, by the newest answer: ages and axes are by its clock.
let clockAhead = 0;

export function now() {
  return Date.now() + clockAhead;
}

export function useToken(token) {
  sessionStorage.setItem(TOKEN, token);
}

export function hasToken() {
  return sessionStorage.getItem(TOKEN) !== null;
}

// An answer that is no success, with what it says.
export class Refused extends Error {
  constructor(status, body) {
    super(body?.error?.message ?? `the server answers ${status}`);
    this.status = status;
    this.body = body ?? {};
  }
}

export async function read(path) {
  return json(await request(path, {}));
}

export async function write(path, body) {
  const headers = { "Content-Type": "application/json" };
  return json(await request(path, { method: "POST", headers, body: JSON.stringify(body) }));
}

// The path of a run's resource.
export function pathOf(run, resource) {
  return `/api/v1/runs/${encodeURIComponent(run.database)}/${encodeURIComponent(run.job)}/${resource}`;
}

// Follows the snapshots for ever. `on.snapshot(document)`, `on.lost(error)` after each failed try; `on.refused()` is awaited
// when the server wants a token, and then it tries again.
export async function follow(on) {
  let wait = FIRST_WAIT;
  let lastId = null;
  for (;;) {
    try {
      for await (const event of events(lastId)) {
        wait = FIRST_WAIT;
        lastId = event.id ?? lastId;
        on.snapshot(JSON.parse(event.data));
      }
      throw new Error("the server closed the stream");
    } catch (error) {
      if (error.status === 401) {
        await on.refused();
        continue;
      }
      on.lost(error);
      // Apart from each other, so that a server that comes back is not met by all tabs at once.
      await new Promise((again) => setTimeout(again, wait * (0.5 + Math.random() / 2)));
      wait = Math.min(wait * 2, LONGEST_WAIT);
    }
  }
}

async function* events(lastId) {
  const silence = new AbortController();
  const gone = () => silence.abort(new Error("nothing was heard of the server"));
  let timer = setTimeout(gone, SILENCE);
  try {
    const headers = { Accept: "text/event-stream", ...(lastId === null ? {} : { "Last-Event-ID": lastId }) };
    const response = await request("/api/v1/events", { headers, signal: silence.signal });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      clearTimeout(timer);
      timer = setTimeout(gone, SILENCE);
      const blocks = (text + part.value).replaceAll("\r\n", "\n").split("\n\n");
      text = blocks.pop();
      for (const event of blocks.map(eventOf)) if (event.name === "runs") yield event;
    }
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}

// One event of the stream, by the lines of its block; a comment has none.
export function eventOf(block) {
  const event = { name: null, id: null, data: "" };
  for (const line of block.split("\n")) {
    const [, field, value] = /^(\w+): ?(.*)$/s.exec(line) ?? [];
    if (field === "event") event.name = value;
    if (field === "id") event.id = value;
    if (field === "data") event.data += event.data ? `\n${value}` : value;
  }
  return event;
}

async function request(path, { headers, ...rest }) {
  const token = sessionStorage.getItem(TOKEN);
  const authorization = token === null ? {} : { Authorization: `Bearer ${token}` };
  const response = await fetch(path, { ...rest, cache: "no-store", headers: { ...headers, ...authorization } });
  const date = Date.parse(response.headers.get("Date") ?? "");
  // The header has whole seconds: less than that is no difference.
  if (!Number.isNaN(date)) clockAhead = Math.abs(date - Date.now()) < 2000 ? 0 : date - Date.now();
  if (!response.ok) throw new Refused(response.status, await response.json().catch(() => null));
  return response;
}

async function json(response) {
  return response.json();
}
