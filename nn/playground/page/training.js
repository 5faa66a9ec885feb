// The toolbar: train, pause, single steps, speed, restart, seed, explain, export, and the keys of the
// whole page. It sends commands only; what changes is in the next frame.
import { button, choose, icon, latest, put, show, write } from "./elements.js";
import { h, number } from "./look.js";
import { goalOf, openExport, openKeys, openLink } from "./dialogs.js";
import { placeOn } from "./timeline.js";

const FAR = 10;
const OFTEN = 8000; // milliseconds between two reports to screen readers while training
const USUAL = 5; // steps a frame: what changes can be followed, and circles are learned in seconds
// Where letters, arrows and the space bar belong to the field itself.
const TYPING = "input:not([type=checkbox], [type=radio]), select, textarea, [contenteditable]";
const OWN_ARROWS = "input, select, textarea, [role=grid], [role=application], [role=radiogroup]";
const OWN_SPACE = "button, a, summary, input:not([type=range]), select, textarea, [role=application]";

const lossOf = (frame) => {
  const { train, test } = frame.lanes[frame.selected].loss;
  return Number.isFinite(test) ? `test loss ${number(test)}, training loss ${number(train)}` : `training loss ${number(train)}`;
};

const title = (element, text) => {
  if (element.title !== text) element.title = text;
};

export function make(root, app) {
  const play = button("Train", toggle, { image: "play", class: "main train", "aria-keyshortcuts": "Space" });
  const word = play.querySelector("span");
  const back = button("", () => move(-1), {
    image: "back",
    class: "icon",
    "aria-label": "One step back",
    title: "One step back (←)",
  });
  const next = button("Step", () => move(1), { image: "next", title: "One step on (→)" });
  const pace = h("select", { "aria-label": "Speed", onchange: setSpeed });
  choose(pace, [
    [0, "1 step a second"],
    ...app.choices.speeds
      .filter((speed) => speed > 0)
      .map((speed) => [speed, speed === 1 ? "1 step a frame" : `${speed} steps a frame`]),
  ]);
  pace.value = app.choices.speeds.includes(USUAL) ? USUAL : app.choices.speeds[0];
  const restart = button("Restart", startAgain, { image: "restart" });
  const seed = h("input", {
    type: "text",
    inputmode: "numeric",
    class: "seed",
    "aria-label": "Seed",
    autocomplete: "off",
    onchange: () => changeSeed(seed.value),
  });
  const dice = button("", () => changeSeed(Math.floor(Math.random() * 10000)), {
    image: "dice",
    class: "icon",
    "aria-label": "Another seed",
    title: "Another seed: other first weights, other data, a new run",
  });
  const explain = h(
    "a",
    {
      class: "button",
      target: "_blank",
      rel: "noopener",
      href: app.link("explain"),
      onclick: () => {
        if (app.replaying) app.say(`${goalOf(app)}; explained when it is there.`);
        if (app.frame.playing) {
          app.act("pause");
        }
      },
    },
    icon("out"),
    h("span", null, "Explain", h("span", { class: "word" }, " this step")),
    h("span", { class: "unseen" }, " (new tab)"),
  );
  const save = button("Export", () => openExport(app), { image: "save", "aria-haspopup": "dialog" });
  const more = [
    save,
    button("Copy link", () => openLink(app), {
      image: "link",
      title: "Copy link",
      "aria-haspopup": "dialog",
    }),
    button("Keys", () => openKeys(), { image: "keys", title: "Keys (?)", "aria-haspopup": "dialog" }),
  ];
  // Arrows make steps everywhere on the page, so they do not walk through these buttons.
  root.setAttribute("role", "group");
  root.append(
    h("div", { class: "row run" }, play, h("span", { class: "joined" }, back, next), pace),
    h(
      "div",
      { class: "row again" },
      restart,
      h(
        "span",
        { class: "row seeds" },
        h("label", { class: "hint" }, h("span", { class: "word" }, "Seed"), seed),
        dice,
      ),
    ),
    h("div", { class: "row away" }, explain, ...more),
    // main.js marks the body while nobody answers; messages go away, this line stays.
    h(
      "p",
      { class: "stopped-note" },
      "The playground was stopped; start it again with ",
      h("code", null, "tinygrad-edu playground"),
      ". What is shown stays in the address.",
    ),
  );

  // The settings are those of the branch, whose changes then hold from the first step on.
  async function startAgain() {
    const { branches, branch } = app.frame;
    const { parent, what } = branches.find((one) => one.id === branch);
    const answer = await app.act("restart");
    if (answer && parent !== null) {
      app.say(`A new run begins at step 0, with the settings of branch ${branch} (${what}).`);
    }
  }

  function setSpeed() {
    // The speed of a run in progress changes at once; otherwise it is used by the next start.
    if (app.frame.playing) {
      app.act("play", { speed: Number(pace.value) });
    }
  }

  function toggle() {
    if (app.frame.playing) {
      app.act("pause");
    } else {
      app.act("play", { speed: Number(pace.value) });
    }
  }

  // A key that is held down asks more often than the server answers; the last one counts.
  const move = latest(async (count) => {
    const { frame } = app;
    if (count > 0) {
      await app.act("step", { count });
      return;
    }
    if (frame.playing) await app.act("pause");
    const { step, history } = app.frame;
    if (step === 0) return;
    const [branch, to] = placeOn(history.line, Math.max(0, step + count));
    await app.act("seek", { branch, step: to });
  });

  async function changeSeed(text) {
    const value = Number(text);
    if (String(text).trim() === "" || !Number.isInteger(value) || value < 0) {
      app.say(`Seed: found "${text}", expected a whole number from 0.`, "error");
      seed.value = app.frame.settings.seed;
      return;
    }
    if (value !== app.frame.settings.seed) {
      await app.act("change", { settings: { seed: value } });
    }
  }

  const keys = {
    " ": toggle,
    ArrowRight: (event) => move(event.shiftKey ? FAR : 1),
    ArrowLeft: (event) => move(event.shiftKey ? -FAR : -1),
    "?": () => openKeys(),
    e: () => explain.click(),
    x: () => openExport(app),
    r: startAgain,
  };
  document.addEventListener("keydown", (event) => {
    const action = keys[event.key];
    if (!action || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]")) return;
    const own = event.key === " " ? OWN_SPACE : event.key.startsWith("Arrow") ? OWN_ARROWS : TYPING;
    if (event.target.closest?.(own)) return;
    event.preventDefault();
    action(event);
  });

  let playing = null,
    heard = 0;
  return {
    draw(frame) {
      if (frame.playing !== playing) {
        if (playing) {
          app.say(`Paused at step ${frame.step}, ${lossOf(frame)}.`, "quiet");
        }
        if (frame.playing) {
          app.say("Training.", "quiet");
          heard = performance.now();
        }
        playing = frame.playing;
        write(word, playing ? "Pause" : "Train");
        play.querySelector(".icon").replaceWith(icon(playing ? "pause" : "play"));
        if (playing && frame.speed !== undefined) put(pace, frame.speed);
      }
      if (frame.playing && performance.now() - heard > OFTEN) {
        if (heard) app.say(`Step ${frame.step}, ${lossOf(frame)}.`, "quiet");
        heard = performance.now();
      }
      if (back.disabled !== (frame.step === 0)) back.disabled = frame.step === 0;
      put(seed, frame.settings.seed);
      // On the way to another step, what is explained is the step where the way ends.
      const { replaying } = app;
      const href = app.link("explain", replaying ? {} : { branch: frame.branch, step: frame.step, lane: frame.selected });
      if (explain.getAttribute("href") !== href) explain.setAttribute("href", href);
      title(explain, replaying ? `${goalOf(app)}; explained when it is there (e)`
        : "Opens the backward pass of the next batch, number by number, in a new tab (e)");
      title(save, replaying ? `${goalOf(app)}; exported when it is there (x)` : "Export (x)");
      [explain, save].forEach((one) => one.classList.toggle("waiting", Boolean(replaying)));
      title(restart, frame.branches.length === 1 ? "Back to step 0 with the same settings (r)"
        : `A new run from step 0 with the settings of branch ${frame.branch}; the branches go (r)`);
      const all = frame.lanes.every((lane) => lane.stopped);
      if (play.disabled !== all) {
        play.disabled = all;
        next.disabled = all;
      }
      show(explain, !frame.lanes[frame.selected]?.stopped);
    },
  };
}
