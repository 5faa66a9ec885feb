// The curves of loss and score over the steps, with those of other branches as ghosts. They are in
// the frame; nothing is computed about the network here.
import { button, fit, show, write } from "./elements.js";
import { h, look, number, percent } from "./look.js";
import { LEAST, label, paint, stroke } from "./plot.js";
import { remark } from "./remarks.js";
import { placeOn } from "./timeline.js";

export { makeConfusion } from "./confusion.js";

const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3]];
const CALM = 2000; // milliseconds
const THICK = 2.2,
  THIN = 1.1;

const finite = (values) => values.filter((value) => value !== null && Number.isFinite(value));

// The index of the last point at or before a step.
function placeOf(steps, step) {
  let found = 0;
  steps.forEach((one, place) => {
    if (one <= step) {
      found = place;
    }
  });
  return found;
}

// A lane that exploded does not flatten all curves: the linear axis ends a little above the first
// values, which all lanes have from the same weights.
function calm(lines, high) {
  const first = Math.max(...finite(lines.map((line) => line.values?.find((value) => value !== undefined))));
  return first > 0 ? Math.min(high, 3 * first) : high;
}

// The curves of the whole line that leads here: what earlier branches have until the next one began,
// then those of the branch that is shown.
export function wholeLine(frame) {
  const { curves } = frame,
    ghosts = frame.ghosts ?? [];
  const earlier = (frame.history?.line ?? [])
    .slice(0, -1)
    .map(([id, , to]) => {
      const ghost = ghosts.find((one) => one.branch === id);
      return ghost ? { ...ghost, count: ghost.steps.filter((step) => step < to).length } : null;
    })
    .filter((one) => one && one.lanes.length === curves.lanes.length);
  const joined = (place, name) => [
    ...earlier.flatMap(({ lanes, count }) => lanes[place][name].slice(0, count)),
    ...curves.lanes[place][name],
  ];
  return {
    steps: [...earlier.flatMap(({ steps, count }) => steps.slice(0, count)), ...curves.steps],
    lanes: curves.lanes.map((_, place) => ({
      train: joined(place, "train"),
      test: joined(place, "test"),
      score: joined(place, "score"),
    })),
  };
}

export function makeCurves(root, app) {
  const state = { log: false, score: false, at: null, scale: null, curves: { steps: [], lanes: [] } };
  const title = root.closest("section")?.querySelector("h2");
  const canvas = h("canvas", { class: "chart", role: "img", tabindex: "0" });
  const legend = h("div", { class: "chart-keys" });
  const read = h("p", { class: "chart-read numbers" });
  const summary = h("p", { class: "unseen" });
  const remarkText = h("span", null);
  const remarkBack = button("Go there", () => goTo(remarkStep));
  const remarkBox = h("p", { class: "remark", hidden: true }, remarkText, " ", remarkBack);
  let remarkStep = null,
    remarked = 0,
    spoken = "";
  const kinds = ["loss", "score"].map((kind, place) =>
    button(
      "",
      () => {
        state.score = place === 1;
        redraw();
      },
      { "aria-pressed": "false", "data-kind": kind },
    ),
  );
  const log = button(
    "Log scale",
    () => {
      state.log = !state.log;
      redraw();
    },
    { "aria-pressed": "false" },
  );
  root.append(
    h(
      "div",
      { class: "row chart-head" },
      h("span", { class: "joined", role: "group", "aria-label": "Curve" }, kinds),
      log,
    ),
    h("div", { class: "chart-box" }, canvas),
    legend,
    read,
    remarkBox,
    summary,
  );

  canvas.addEventListener("pointermove", (event) => look_at(event.offsetX));
  canvas.addEventListener("pointerleave", () => {
    state.at = null;
    redraw();
  });
  canvas.addEventListener("click", () => {
    if (state.at !== null) {
      goTo(state.at);
    }
  });
  canvas.addEventListener("keydown", (event) => {
    const { steps } = state.curves;
    const place = placeOf(steps, state.at ?? app.frame.step);
    const to = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: steps.length - 1 }[event.key];
    if (event.key === "Enter" && state.at !== null) goTo(state.at);
    else if (to === undefined) return;
    else {
      state.at = steps[Math.max(0, Math.min(steps.length - 1, to))];
      redraw();
      app.say(read.textContent, "quiet");
    }
    event.preventDefault();
  });
  canvas.addEventListener("blur", () => {
    state.at = null;
    redraw();
  });
  new ResizeObserver(() => redraw()).observe(canvas);

  function look_at(x) {
    if (!state.scale) return;
    const { steps } = state.curves;
    if (steps.length) state.at = steps[placeOf(steps, state.scale.stepAt(x))];
    redraw();
  }

  async function goTo(step) {
    const [branch, at] = placeOn(app.frame.history.line, step);
    if (app.frame.playing) await app.act("pause");
    app.act("seek", { branch, step: at });
  }

  function linesOf(frame) {
    const { lanes } = look(),
      { steps } = state.curves;
    const ghosts = (frame.ghosts ?? []).flatMap((ghost) =>
      ghost.lanes.map((lane) => ({
        steps: ghost.steps,
        values: state.score ? lane.score : lane.test,
        colour: look().muted,
        dash: [],
        width: 1,
        alpha: 0.6,
        ghost: true,
      })),
    );
    const own = state.curves.lanes.flatMap((lane, place) => {
      const style = { steps, colour: lanes[place % 4], dash: DASHES[place % 4] };
      if (state.score) {
        return [{ ...style, values: lane.score, width: THICK }];
      }
      return [
        { ...style, values: lane.train, width: THIN, alpha: 0.85 },
        { ...style, values: lane.test, width: THICK },
      ];
    });
    return [...ghosts, ...own];
  }

  function range(lines, frame) {
    // Other branches that went far up do not flatten the curves of this one.
    const own = finite(lines.filter((line) => !line.ghost).flatMap((line) => line.values ?? []));
    if (state.score) {
      return frame.problem === "regression" ? [Math.max(-1, Math.min(0, ...own)), 1] : [0, 1];
    }
    const high = own.length ? Math.max(...own) : 1;
    if (!state.log)
      return [
        0,
        calm(
          lines.filter((line) => !line.ghost),
          high,
        ) * 1.04 || 1,
      ];
    const positive = own.filter((value) => value > 0);
    const low = positive.length ? Math.max(LEAST, Math.min(...positive)) : 0.1;
    return [low / 1.15, Math.max(low * 2, high * 1.15)];
  }

  function redraw() {
    const { frame } = app;
    if (!frame?.curves) return;
    const score = frame.problem === "regression" ? "R²" : "Accuracy";
    state.curves = wholeLine(frame);
    write(kinds[0], "Loss");
    write(kinds[1], score);
    kinds.forEach((kind, place) => kind.setAttribute("aria-pressed", String(state.score === (place === 1))));
    log.setAttribute("aria-pressed", String(state.log));
    show(log, !state.score);
    if (title) {
      write(title, state.score ? `${score} on test rows` : `Loss (${frame.problem === "regression" ? "mean squared error" : "cross-entropy"})`);
    }
    const lines = linesOf(frame),
      [low, high] = range(lines, frame);
    const most = Math.max(
      1,
      frame.step,
      state.curves.steps[state.curves.steps.length - 1] ?? 0,
      ...(frame.ghosts ?? []).map((ghost) => ghost.steps[ghost.steps.length - 1] ?? 0),
    );
    const format =
      state.score && frame.problem !== "regression" ? (value) => `${Math.round(100 * value)} %` : label;
    state.scale = paint(canvas, lines, {
      most,
      low,
      high,
      format,
      log: state.log && !state.score,
      marks: (frame.history?.line ?? []).slice(1).map(([, from]) => from),
      now: state.at ?? frame.step,
    });
    drawLegend(frame);
    drawRemark(frame);
    write(read, reading(frame, state.at ?? frame.step));
    const text = `Curves of ${state.curves.steps.length} points. ${reading(frame, frame.step)}`;
    if (frame.full) {
      write(summary, text);
      canvas.setAttribute(
        "aria-label",
        `Chart of the ${state.score ? score : "loss"} over the steps; arrows read the points, Enter goes to one`,
      );
    }
  }

  // Read out once when it appears, and again only when it is about something else.
  function drawRemark(frame) {
    // While training it changes seldom, so that it can be read.
    if (frame.playing && performance.now() - remarked < CALM) return;
    remarked = performance.now();
    const found = remark(frame, state.curves),
      kind = found ? found.text.slice(0, 16) : "";
    show(remarkBox, Boolean(found));
    if (found) {
      remarkStep = found.step;
      write(remarkText, found.text);
      show(remarkBack, found.step !== null);
      if (found.step !== null) write(remarkBack.firstChild, `Go to step ${found.step}`);
      if (kind !== spoken) app.say(found.text, "quiet");
    }
    spoken = kind;
  }

  let keyed = "";
  function drawLegend(frame) {
    const key = JSON.stringify([
      frame.lanes.map((lane) => lane.name),
      state.score,
      Boolean(frame.ghosts?.length),
      look().dark,
    ]);
    if (key === keyed) return;
    keyed = key;
    const sample = (colour, dash, width, alpha = 1) => {
      const line = h("canvas", { class: "key-line", "aria-hidden": "true" });
      stroke(
        fit(line, 30, 12),
        { steps: [0, 1], values: [0, 0], colour, dash, width, alpha },
        (step) => 1 + 28 * step,
        () => 6,
      );
      return line;
    };
    const { lanes, text, muted } = look();
    const several = frame.lanes.length > 1;
    const first = several ? text : lanes[0];
    legend.replaceChildren(
      ...(several
        ? frame.lanes.map((lane, place) =>
            h("span", null, sample(lanes[place], DASHES[place], THICK), lane.name),
          )
        : []),
      ...(state.score
        ? []
        : [
            h("span", null, sample(first, [], THICK), "test"),
            h("span", null, sample(first, [], THIN), "training"),
          ]),
      ...(frame.ghosts?.length ? [h("span", null, sample(muted, [], 1, 0.6), "other branches")] : []),
    );
  }

  function reading(frame, step) {
    const { steps, lanes } = state.curves;
    const place = placeOf(steps, step);
    if (!steps.length) return "";
    const one = (lane, index) => {
      const name = frame.lanes.length > 1 ? `${frame.lanes[index]?.name}: ` : "";
      const value = lane.score[place];
      if (state.score && value === undefined) {
        return `${name}not kept`;
      }
      if (state.score) return name + (frame.problem === "regression" ? number(value) : percent(value));
      const said = [
        ["test", lane.test[place]],
        ["training", lane.train[place]],
      ].filter(([, one]) => one !== undefined);
      return name + said.map(([word, one]) => `${word} ${number(one)}`).join(", ");
    };
    return `Step ${steps[place].toLocaleString("en")}: ${lanes.map(one).join("; ")}`;
  }

  return { draw: redraw };
}
