// The curves of loss and score over the steps, with those of other branches as ghosts, and the
// confusion matrix. Both show what is in the frame and compute nothing about the network.
import { button, fit, show, write } from "./elements.js";
import { h, look, number, percent } from "./look.js";
import { placeOn } from "./timeline.js";

export const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3]];
const LEFT = 46, RIGHT = 10, TOP = 8, BOTTOM = 22;
const LEAST = 1e-7; // what a logarithmic axis shows of zero
const THICK = 2.2, THIN = 1.1;

const finite = (values) => values.filter((value) => value !== null && Number.isFinite(value));

// Round numbers between two ends, about `count` of them.
export function ticks(low, high, count = 4) {
  const raw = (high - low) / count || 1, size = 10 ** Math.floor(Math.log10(raw));
  const unit = [1, 2, 5, 10].find((one) => one * size >= raw) * size;
  const found = [];
  for (let at = Math.ceil(low / unit) * unit; at <= high + unit * 1e-9; at += unit) { found.push(Math.abs(at) < unit / 1e6 ? 0 : at); }
  return found;
}

function decades(low, high) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
    [1, 3].forEach((one) => { const at = one * 10 ** power; if (at >= low && at <= high) { found.push(at); } });
  }
  return found.length > 6 ? found.filter((at) => Math.abs(Math.log10(at) % 1) < 1e-6) : found;
}

const label = (value) => (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e4)
  ? value.toExponential(0).replace("e-", "e−").replace("e+", "e") : String(Number(value.toPrecision(3))).replace("-", "−"));

// One chart in a canvas. `lines`: [{steps, values, colour, dash, width, alpha}], drawn in that order.
function paint(canvas, lines, { most, log, low, high, marks, now, format }) {
  const width = canvas.clientWidth, height = canvas.clientHeight;
  if (width === 0) { return null; }
  const context = fit(canvas, width, height), colours = look();
  const scale = log ? (value) => Math.log10(Math.max(LEAST, value)) : (value) => value;
  const bottom = scale(low), top = scale(high);
  const x = (step) => LEFT + (width - LEFT - RIGHT) * step / most;
  const y = (value) => TOP + (height - TOP - BOTTOM) * (1 - (scale(value) - bottom) / (top - bottom));
  context.font = `11px ${getComputedStyle(canvas).fontFamily}`;
  context.fillStyle = colours.muted;
  context.strokeStyle = colours.hair;
  context.lineWidth = 1;
  context.textBaseline = "middle";
  context.textAlign = "right";
  (log ? decades(low, high) : ticks(low, high)).forEach((value) => {
    const at = Math.round(y(value)) + 0.5;
    context.beginPath();
    context.moveTo(LEFT, at);
    context.lineTo(width - RIGHT, at);
    context.stroke();
    context.fillText(format(value), LEFT - 6, at);
  });
  context.textBaseline = "top";
  context.textAlign = "center";
  ticks(0, most, Math.max(2, Math.floor(width / 110))).filter(Number.isInteger).forEach((step) => {
    context.textAlign = x(step) > width - 30 ? "right" : "center";
    context.fillText(step.toLocaleString("en"), x(step), height - BOTTOM + 6);
  });
  marks.forEach((step) => rule(context, x(step), height, colours.line, [2, 3]));
  if (now < most || marks.length) { rule(context, x(now), height, colours.text, []); }
  context.save();
  context.beginPath();
  context.rect(LEFT - 2, 0, width - LEFT - RIGHT + 6, height - BOTTOM + 2);
  context.clip();
  lines.forEach((line) => stroke(context, line, x, y));
  context.restore();
  context.setLineDash([]);
  context.globalAlpha = 1;
  return { stepAt: (place) => Math.max(0, Math.min(most, Math.round((place - LEFT) / (width - LEFT - RIGHT) * most))) };
}

function rule(context, x, height, colour, dash) {
  context.setLineDash(dash);
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.globalAlpha = 0.75;
  context.beginPath();
  context.moveTo(Math.round(x) + 0.5, TOP);
  context.lineTo(Math.round(x) + 0.5, height - BOTTOM);
  context.stroke();
  context.globalAlpha = 1;
}

function stroke(context, { steps, values, colour, dash, width, alpha = 1 }, x, y) {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.setLineDash(dash);
  context.globalAlpha = alpha;
  context.lineJoin = "round";
  context.beginPath();
  let pen = false;
  steps.forEach((step, place) => {
    const value = values?.[place];
    if (value === null || value === undefined || !Number.isFinite(value)) { pen = false; return; }
    context[pen ? "lineTo" : "moveTo"](x(step), y(value));
    pen = true;
  });
  context.stroke();
  // A single point has no line.
  if (steps.length === 1 && Number.isFinite(values?.[0] ?? NaN)) {
    context.fillStyle = colour;
    context.fillRect(x(steps[0]) - 2, y(values[0]) - 2, 4, 4);
  }
}

// The index of the last point at or before a step.
function placeOf(steps, step) {
  let found = 0;
  steps.forEach((one, place) => { if (one <= step) { found = place; } });
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
  const { curves } = frame, ghosts = frame.ghosts ?? [];
  const earlier = (frame.history?.line ?? []).slice(0, -1).map(([id, , to]) => {
    const ghost = ghosts.find((one) => one.branch === id);
    return ghost ? { ...ghost, count: ghost.steps.filter((step) => step <= to).length } : null;
  }).filter((one) => one && one.lanes.length === curves.lanes.length);
  const joined = (place, name) => [...earlier.flatMap(({ lanes, count }) =>
    lanes[place][name]?.slice(0, count) ?? new Array(count).fill(undefined)), ...(curves.lanes[place][name] ?? [])];
  return {
    steps: [...earlier.flatMap(({ steps, count }) => steps.slice(0, count)), ...curves.steps],
    lanes: curves.lanes.map((_, place) => ({ train: joined(place, "train"), test: joined(place, "test"), score: joined(place, "score") })),
  };
}

export function makeCurves(root, app) {
  const state = { log: false, score: false, at: null, scale: null, curves: { steps: [], lanes: [] } };
  const title = root.closest("section")?.querySelector("h2");
  const canvas = h("canvas", { class: "chart", role: "img", tabindex: "0" });
  const legend = h("div", { class: "chart-keys" });
  const read = h("p", { class: "chart-read numbers" });
  const summary = h("p", { class: "unseen" });
  const kinds = ["loss", "score"].map((kind, place) => button("", () => { state.score = place === 1; redraw(); },
    { "aria-pressed": "false", "data-kind": kind }));
  const log = button("Log scale", () => { state.log = !state.log; redraw(); }, { "aria-pressed": "false" });
  root.append(h("div", { class: "row chart-head" }, h("span", { class: "joined", role: "group", "aria-label": "Curve" }, kinds), log),
    h("div", { class: "chart-box" }, canvas), legend, read, summary);

  canvas.addEventListener("pointermove", (event) => look_at(event.offsetX));
  canvas.addEventListener("pointerleave", () => { state.at = null; redraw(); });
  canvas.addEventListener("click", () => { if (state.at !== null) { goTo(state.at); } });
  canvas.addEventListener("keydown", (event) => {
    const { steps } = state.curves;
    const place = placeOf(steps, state.at ?? app.frame.step);
    const to = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: steps.length - 1 }[event.key];
    if (event.key === "Enter" && state.at !== null) { goTo(state.at); }
    else if (to === undefined) { return; }
    else { state.at = steps[Math.max(0, Math.min(steps.length - 1, to))]; redraw(); app.say(read.textContent, "quiet"); }
    event.preventDefault();
  });
  canvas.addEventListener("blur", () => { state.at = null; redraw(); });
  new ResizeObserver(() => redraw()).observe(canvas);

  function look_at(x) {
    if (!state.scale) { return; }
    const { steps } = state.curves;
    if (steps.length) { state.at = steps[placeOf(steps, state.scale.stepAt(x))]; }
    redraw();
  }

  async function goTo(step) {
    const [branch, at] = placeOn(app.frame.history.line, step);
    if (app.frame.playing) { await app.act("pause"); }
    app.act("seek", { branch, step: at });
  }

  function linesOf(frame) {
    const { lanes } = look(), { steps } = state.curves;
    const ghosts = (frame.ghosts ?? []).flatMap((ghost) => ghost.lanes.map((lane) => ({
      steps: ghost.steps, values: state.score ? lane.score : lane.test,
      colour: look().muted, dash: [], width: 1, alpha: 0.6, ghost: true,
    })));
    const own = state.curves.lanes.flatMap((lane, place) => {
      const style = { steps, colour: lanes[place % 4], dash: DASHES[place % 4] };
      if (state.score) { return [{ ...style, values: lane.score, width: THICK }]; }
      return [{ ...style, values: lane.train, width: THIN, alpha: 0.85 }, { ...style, values: lane.test, width: THICK }];
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
    if (!state.log) { return [0, calm(lines.filter((line) => !line.ghost), high) * 1.04 || 1]; }
    const positive = own.filter((value) => value > 0);
    const low = positive.length ? Math.max(LEAST, Math.min(...positive)) : 0.1;
    return [low / 1.15, Math.max(low * 2, high * 1.15)];
  }

  function redraw() {
    const { frame } = app;
    if (!frame?.curves) { return; }
    const score = frame.problem === "regression" ? "R²" : "Accuracy";
    state.curves = wholeLine(frame);
    write(kinds[0], "Loss");
    write(kinds[1], score);
    kinds.forEach((kind, place) => kind.setAttribute("aria-pressed", String(state.score === (place === 1))));
    log.setAttribute("aria-pressed", String(state.log));
    show(log, !state.score);
    if (title) { write(title, state.score ? `${score} on test rows` : "Loss"); }
    const lines = linesOf(frame), [low, high] = range(lines, frame);
    const most = Math.max(1, frame.step, state.curves.steps[state.curves.steps.length - 1] ?? 0,
      ...(frame.ghosts ?? []).map((ghost) => ghost.steps[ghost.steps.length - 1] ?? 0));
    const format = state.score && frame.problem !== "regression" ? (value) => `${Math.round(100 * value)} %` : label;
    state.scale = paint(canvas, lines, { most, low, high, format, log: state.log && !state.score,
      marks: (frame.history?.line ?? []).slice(1).map(([, from]) => from), now: state.at ?? frame.step });
    drawLegend(frame);
    write(read, reading(frame, state.at ?? frame.step));
    const text = `Curves of ${state.curves.steps.length} points. ${reading(frame, frame.step)}`;
    if (frame.full) { write(summary, text); canvas.setAttribute("aria-label", `Chart of the ${state.score ? score : "loss"} over the steps; arrows read the points, Enter goes to one`); }
  }

  let keyed = "";
  function drawLegend(frame) {
    const key = JSON.stringify([frame.lanes.map((lane) => lane.name), state.score, Boolean(frame.ghosts?.length), look().dark]);
    if (key === keyed) { return; }
    keyed = key;
    const sample = (colour, dash, width, alpha = 1) => {
      const line = h("canvas", { class: "key-line", "aria-hidden": "true" });
      stroke(fit(line, 30, 12), { steps: [0, 1], values: [0, 0], colour, dash, width, alpha }, (step) => 1 + 28 * step, () => 6);
      return line;
    };
    const { lanes, text, muted } = look();
    const several = frame.lanes.length > 1;
    const first = several ? text : lanes[0];
    legend.replaceChildren(...(several ? frame.lanes.map((lane, place) =>
      h("span", null, sample(lanes[place], DASHES[place], THICK), lane.name)) : []),
    ...(state.score ? [] : [h("span", null, sample(first, [], THICK), "test"), h("span", null, sample(first, [], THIN), "training")]),
    ...(frame.ghosts?.length ? [h("span", null, sample(muted, [], 1, 0.6), "other branches")] : []));
  }

  function reading(frame, step) {
    const { steps, lanes } = state.curves;
    const place = placeOf(steps, step);
    if (!steps.length) { return ""; }
    const one = (lane, index) => {
      const name = frame.lanes.length > 1 ? `${frame.lanes[index]?.name}: ` : "";
      const value = lane.score[place];
      if (state.score && value === undefined) { return `${name}not kept`; }
      if (state.score) { return name + (frame.problem === "regression" ? number(value) : percent(value)); }
      const said = [["test", lane.test[place]], ["training", lane.train[place]]].filter(([, one]) => one !== undefined);
      return name + said.map(([word, one]) => `${word} ${number(one)}`).join(", ");
    };
    return `Step ${steps[place].toLocaleString("en")}: ${lanes.map(one).join("; ")}`;
  }

  return { draw: redraw };
}

export function makeConfusion(root, app) {
  const section = root.closest("section");
  const table = h("table", { class: "confusion" });
  const said = h("p", { class: "hint numbers said" });
  root.append(h("div", { class: "scroll-x" }, table), said);
  let made = "", cells = [], chosen = null, names = [];

  function build() {
    cells = names.map(() => []);
    const head = h("tr", null, h("td", null, h("span", { class: "unseen" }, "true class, by row")),
      ...names.map((name) => h("th", { scope: "col", title: name }, name)));
    const rows = names.map((name, row) => h("tr", null, h("th", { scope: "row", title: name }, name),
      ...names.map((_, column) => {
        const cell = h("td", { class: row === column ? "hit" : "miss",
          onpointerenter: () => choose([row, column]), onpointerleave: () => choose(null) });
        cells[row].push(cell);
        return cell;
      })));
    table.replaceChildren(h("caption", null, "Test rows: true class down, predicted class across"),
      h("thead", null, head), h("tbody", null, rows));
    table.classList.toggle("small", names.length > 5);
  }

  function choose(place) {
    chosen = place;
    if (app.frame) { sentence(app.frame); }
  }

  function sentence(frame) {
    const matrix = frame.lanes[frame.selected]?.confusion;
    if (!matrix) { return; }
    const size = matrix.shape[0];
    if (chosen) {
      const [row, column] = chosen, count = matrix.data[row * size + column];
      const rows = count === 1 ? "1 test row" : `${count} test rows`;
      write(said, row === column ? `${rows} of ${names[row]}: predicted rightly`
        : `${rows} of ${names[row]}: taken for ${names[column]}`);
      return;
    }
    let right = 0, all = 0;
    matrix.data.forEach((count, place) => { all += count; if (place % (size + 1) === 0) { right += count; } });
    write(said, all ? `${right} of ${all} test rows are right (${percent(right / all)}).` : "There are no test rows.");
  }

  return {
    draw(frame) {
      const matrix = frame.lanes[frame.selected]?.confusion;
      show(section, Boolean(matrix));
      if (!matrix) { return; }
      const key = JSON.stringify(frame.classes);
      if (key !== made) {
        made = key;
        names = frame.classes;
        build();
      }
      const size = matrix.shape[0];
      for (let row = 0; row < size; row += 1) {
        let sum = 0;
        for (let column = 0; column < size; column += 1) { sum += matrix.data[row * size + column]; }
        for (let column = 0; column < size; column += 1) {
          const count = matrix.data[row * size + column], cell = cells[row][column];
          write(cell, String(count));
          cell.style.setProperty("--share", sum ? (count / sum).toFixed(2) : "0");
        }
      }
      sentence(frame);
    },
  };
}
