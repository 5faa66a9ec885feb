// The link to the server: opens a session, sends commands, receives frames and keeps the latest full
// picture. It draws nothing and leaves the address bar alone; main.js passes each picture on.

const TYPES = { u1: Uint8Array, f4: Float32Array, i4: Int32Array };
const STOPPED = "The playground was stopped; start it again with: tinygrad-edu playground";
const LOST = "No answer from the playground; trying again …";
const OTHER_KEY = "The playground was started again; open the address that it printed.";
const REOPENED = "The session was closed. It was opened again at the same step; other branches are gone.";
const TRIES = 4,
  DELAY = 700,
  SLOW = 4000; // how often, and after how many milliseconds

function bytesOf(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const raw = atob(text),
    bytes = new Uint8Array(raw.length);
  for (let place = 0; place < raw.length; place += 1) {
    bytes[place] = raw.charCodeAt(place);
  }
  return bytes;
}

// Every {shape, type, data} becomes {shape, data: a typed array}; all else stays as it is.
function decode(value) {
  if (Array.isArray(value)) {
    return value.some((one) => one !== null && typeof one === "object") ? value.map(decode) : value;
  }
  if (value === null || typeof value !== "object") return value;
  if (typeof value.data === "string" && Array.isArray(value.shape) && value.type in TYPES) {
    const bytes = bytesOf(value.data),
      Type = TYPES[value.type];
    const length = bytes.byteLength / Type.BYTES_PER_ELEMENT;
    return { shape: value.shape, data: new Type(bytes.buffer, bytes.byteOffset, length) };
  }
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, decode(one)]));
}

// Curves come as the points since the last frame; `from` is the number of points before them.
function mergeCurves(old, fresh) {
  if (!fresh) return old;
  if (!fresh.from || !old) return fresh;
  const joined = (before, after) => (before ?? []).slice(0, fresh.from).concat(after ?? []);
  const lanes = fresh.lanes.map((lane, place) =>
    Object.fromEntries(
      Object.entries(lane).map(([name, values]) => [name, joined(old.lanes[place]?.[name], values)]),
    ),
  );
  return { from: 0, steps: joined(old.steps, fresh.steps), lanes };
}

// A full frame replaces everything; another one replaces what it holds.
function merge(old, frame) {
  if (frame.full || !old) return frame;
  return { ...old, ...frame, curves: mergeCurves(old.curves, frame.curves) };
}

function refusal(answer, response) {
  return answer?.error ?? `The playground refused the request (${response.status} ${response.statusText}).`;
}

export function connect({ onFrame, onNotice, onEnd, onBack = () => {} }) {
  const key = new URLSearchParams(window.location.search).get("key") ?? "";
  let session = null,
    frame = null,
    number = -1,
    events = null,
    failures = 0,
    timer = 0,
    latestDrawn = -1;

  async function send(path, options) {
    let response,
      answer = null;
    try {
      response = await fetch(path, { ...options, headers: { "X-Key": key, ...options.headers } });
    } catch {
      lost();
      throw new Error(failures >= TRIES ? STOPPED : LOST);
    }
    try {
      answer = await response.json();
    } catch {
      /* An answer that is not JSON is a refusal. */
    }
    if (!response.ok || answer === null) throw new Error(refusal(answer, response));
    return answer;
  }

  const post = (path, body) =>
    send(path, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "Content-Type": "application/json" },
    });

  function receive(raw) {
    // An answer may overtake an event: an older picture is not drawn over a newer one.
    if (raw.number < number) return;
    number = raw.number ?? number;
    frame = merge(frame, decode(raw));
    onFrame(frame);
  }

  async function open(state) {
    const answer = await post("/open", { state });
    session = answer.session;
    frame = null;
    number = -1;
    latestDrawn = -1;
    failures = 0;
    receive(answer.frame);
    listen();
    return { choices: answer.choices, frame };
  }

  async function act(name, values = {}) {
    const answer = await post("/act", { session, do: name, ...values });
    if (answer.frame) receive(answer.frame);
    return answer;
  }

  async function upload(name, text) {
    const answer = await send(`/table?${new URLSearchParams({ session })}`, {
      method: "POST",
      body: text,
      headers: { "Content-Type": "text/csv", "X-Name": encodeURIComponent(name) },
    });
    if (answer.frame) receive(answer.frame);
    return answer;
  }

  function link(path, query = {}) {
    const values = Object.entries({ key, session, ...query }).filter(
      ([, value]) => value !== null && value !== undefined,
    );
    return `/${path}?${new URLSearchParams(values)}`;
  }

  // A number counts for all smaller ones, so one request acknowledges all frames of a picture.
  function drawn(seen) {
    if (seen <= latestDrawn) return;
    latestDrawn = seen;
    queueMicrotask(() => {
      if (latestDrawn !== seen || failures > 0) return;
      post("/act", { session, do: "drawn", number: seen }).catch(() => {});
    });
  }

  function listen() {
    events?.close();
    const source = new EventSource(link("events"));
    events = source;
    const heard = (name, action) =>
      source.addEventListener(name, (event) => {
        if (events === source) action(event);
      });
    heard("open", () => {
      if (failures > 0) {
        onBack();
        onNotice({ text: "Connected again.", kind: "info" });
      }
      failures = 0;
    });
    heard("frame", (event) => receive(JSON.parse(event.data)));
    heard("notice", (event) => {
      const notice = JSON.parse(event.data);
      // The timeline shows how far a replay is; such a line would stay too long as a message.
      if (notice.kind === "progress") {
        document.dispatchEvent(new CustomEvent("replaying", { detail: notice }));
      } else {
        onNotice(notice);
      }
    });
    // The server ended it: it stops, or the session was closed or continues in another tab.
    heard("end", (event) => {
      const { text } = JSON.parse(event.data || "{}");
      source.close();
      if (text) {
        onNotice({ text, kind: "error" });
      }
      failures = TRIES - 1;
      timer = window.setTimeout(again, DELAY);
    });
    heard("error", lost);
  }

  // Never a silent freeze: first "trying again", then what to do; the page goes on looking meanwhile.
  function lost() {
    if (timer) return;
    events?.close();
    events = null;
    failures += 1;
    if (failures === TRIES) {
      if (frame) {
        onFrame((frame = { ...frame, playing: false }));
      }
      onEnd();
    } else if (failures === 2) {
      onNotice({ text: LOST, kind: "error" });
    }
    timer = window.setTimeout(again, failures >= TRIES ? SLOW : DELAY);
  }

  // Ask for something harmless: the answer says whether the server and the session are still there.
  async function again() {
    let response = null;
    try {
      response = await fetch("/act", {
        method: "POST",
        headers: { "X-Key": key, "Content-Type": "application/json" },
        body: JSON.stringify({ session, do: "drawn", number }),
      });
    } catch {
      /* Nobody is there. */
    }
    timer = 0;
    if (response === null) lost();
    else if (response.status === 403) {
      onNotice({ text: OTHER_KEY, kind: "error" });
    } else if (!response.ok) {
      await reopen();
    } else if (events?.readyState === EventSource.CLOSED) {
      failures = 0; // It continues in another tab.
    } else {
      listen();
    }
  }

  // The session was closed, as after a long sleep of the computer: its state is enough to go on.
  async function reopen() {
    try {
      const state = frame?.state ?? "";
      await open(state);
      onBack();
      onNotice({ text: REOPENED, kind: "info" });
    } catch (error) {
      onNotice({ text: error.message, kind: "error" });
    }
  }

  // A page that goes away frees its thread of the server at once.
  window.addEventListener("pagehide", () => events?.close());
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) {
      listen();
    }
  });

  return { open, act, upload, link, drawn };
}
