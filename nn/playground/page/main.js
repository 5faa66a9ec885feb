// Starts the page: opens a session, gives every view the frames, and owns the address bar, the
// status line and the clock of drawing. It draws nothing itself and knows no view's contents.
import { connect } from "./connection.js";
import { follow } from "./look.js";

// Section of index.html, file and maker. A view that fails leaves the others working.
const VIEWS = [
  ["network", "network", "make"],
  ["lanes", "maps", "make"],
  ["toolbar", "training", "make"],
  ["timeline", "timeline", "make"],
  ["data", "controls", "makeData"],
  ["model", "controls", "makeModel"],
  ["optimizers", "controls", "makeOptimizers"],
  ["curves", "charts", "makeCurves"],
  ["confusion", "charts", "makeConfusion"],
  ["examples", "digits", "make"],
  ["why", "dialogs", "makeWhy"],
  ["dialogs", "dialogs", "make"],
];
const QUIET = 1500; // milliseconds between two texts in the live region
const ADDRESS = 500; // milliseconds between two addresses
const SHOWN = { error: 14000, info: 5000, progress: 1500 }; // milliseconds a message stays

const CHANGING = ["change", "nudge", "points", "restart", "seek", "step", "play"];

const get = (name) => document.getElementById(name);
const views = [];
const waiting = [];
let scheduled = false, full = false, spoke = 0, later = 0, hiding = 0, addressing = 0, address = null, messages = 0;

const app = {
  frame: null,
  choices: null,
  replaying: null, // {done, of} while the server is on a long way to a step
  act, say, redraw,
  link: (path, query) => connection.link(path, query),
  upload: (name, text) => connection.upload(name, text),
};
const connection = connect({ onFrame, onNotice: (notice) => say(notice.text, notice.kind), onEnd, onBack });

// Ask the server. Resolves to its answer; to null if it refused, and then the reason is shown.
async function act(name, args = {}) {
  const shown = messages;
  try {
    const answer = await connection.act(name, args);
    // What was said before is about a state that is gone.
    if (CHANGING.includes(name) && messages === shown) get("toast").hidden = true;
    return answer;
  } catch (error) {
    say(error.message, "error");
    return null;
  }
}

// Show a message, and let screen readers have it. Kinds: info, error, progress (of a replay), quiet
// (screen readers alone).
function say(text, kind = "info") {
  speak(text);
  if (kind === "quiet") return;
  const toast = get("toast");
  messages += 1;
  toast.textContent = text;
  toast.className = `toast ${kind}`;
  toast.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { toast.hidden = true; }, SHOWN[kind] || SHOWN.info);
}

// The live region changes seldom: while training, only the latest text is worth reading out.
function speak(text) {
  clearTimeout(later);
  const wait = Math.max(0, spoke + QUIET - performance.now());
  later = setTimeout(() => {
    spoke = performance.now();
    get("status").textContent = text;
  }, wait);
}

function onFrame(frame) {
  app.frame = frame;
  app.replaying = null;
  full = full || frame.full;
  if (frame.number !== undefined && frame.number !== null) waiting.push(frame.number);
  schedule();
}

function schedule() {
  if (scheduled) return;
  scheduled = true;
  // A hidden page gets no animation frames; training goes on all the same.
  if (document.hidden) setTimeout(draw, 0);
  else requestAnimationFrame(draw);
}

function redraw() {
  full = true;
  if (app.frame) schedule();
}

function draw() {
  const frame = app.frame;
  if (!scheduled || !frame) return;
  scheduled = false;
  if (!document.hidden) {
    frame.full = full;
    full = false;
    views.forEach((view) => drawView(view, frame));
  }
  remember();
  waiting.splice(0).forEach((number) => connection.drawn(number));
}

// Chromium refuses more than about 200 new addresses in 10 seconds, so the address follows slowly.
function remember() {
  if (addressing || app.frame.state === address) return;
  addressing = setTimeout(() => {
    addressing = 0;
    address = app.frame.state;
    history.replaceState(null, "", `#${address}`);
  }, ADDRESS);
}

function drawView(view, frame) {
  try {
    view.draw(frame);
  } catch (error) {
    if (!view.broken) say(`The panel ${view.name} failed: ${error.message}`, "error");
    view.broken = true;
    console.error(error);
  }
}

function onEnd() {
  document.body.classList.add("ended");
  say("The server has stopped. Start it again with: tinygrad-edu playground", "error");
}

function onBack() {
  document.body.classList.remove("ended");
}

async function load([section, file, maker]) {
  try {
    const module = await import(`./${file}.js`);
    const view = module[maker](get(section), app) || {};
    if (view.draw) views.push({ name: section, draw: (frame) => view.draw(frame) });
  } catch (error) {
    console.error(section, error);
    say(`The panel ${section} could not be loaded: ${error.message}`, "error");
  }
}

// An address that the server does not accept: say why, and offer the page without it.
function refuse(reason) {
  const box = get("refused");
  box.querySelector("p").textContent = reason;
  const link = box.querySelector("a");
  link.href = location.pathname + location.search;
  link.addEventListener("click", (event) => {
    event.preventDefault();
    history.replaceState(null, "", link.href);
    location.reload();
  });
  box.hidden = false;
}

async function start() {
  try {
    const answer = await connection.open(location.hash.slice(1));
    app.choices = answer.choices;
  } catch (error) {
    refuse(error.message);
    return;
  }
  await Promise.all(VIEWS.map(load));
  document.body.classList.add("ready");
  redraw();
}

follow(redraw);
document.addEventListener("replaying", ({ detail }) => {
  if (!app.replaying) say(`On the way to step ${detail.of.toLocaleString("en")}.`, "quiet");
  app.replaying = detail;
  redraw();
});
document.addEventListener("visibilitychange", () => {
  // A frame that was asked for before the page was hidden would wait until it is seen again.
  if (document.hidden && scheduled) setTimeout(draw, 0);
  else if (!document.hidden) redraw();
});
// The text behind # is the state, so a link within the page must not change it.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  const unit = document.querySelector("#network [tabindex='0']");
  if (unit) unit.focus();
});
document.querySelector(".jumps").addEventListener("click", ({ target }) => {
  const title = document.getElementById(target.dataset.to);
  if (!title) return;
  title.tabIndex = -1;
  title.focus({ preventScroll: true });
  title.scrollIntoView();
});
window.addEventListener("hashchange", () => location.reload());
start();
