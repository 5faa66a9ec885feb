// The network in the middle: its parts, the pointer and the keyboard. One canvas holds the picture
// (picture.js); buttons over it are the units. Cards of units and weights are in peek.js, the table
// of numbers in numbers.js.
import { h, markerSvg, number, svg } from "./look.js";
import { makeNumbers } from "./numbers.js";
import { makePeek } from "./peek.js";
import { makePicture } from "./picture.js";
import { firstOf, makePlan, nameOfLine, nameOfUnit, nearest, signature } from "./plan.js";

const LOCK = "M4 7V5a4 4 0 0 1 8 0v2M3 7h10v8H3z";

export function make(root, app) {
  const title = h("p", { class: "net-title" });
  const note = h("p", { class: "net-note" });
  const canvas = h("canvas", { role: "img" });
  const over = h("div", { role: "group", "aria-label": "Units and weights: arrow keys go from one to the next, Enter opens its numbers" });
  const stage = h("div", { class: "stage" }, canvas, over);
  const scroller = h("div", { class: "stage-scroll", tabindex: "-1" }, stage);
  const numbers = makeNumbers(app);
  const dead = h("p", { class: "net-dead", hidden: true });
  root.append(h("div", { class: "net-head" }, title, note), scroller, legend(), dead, numbers.root);
  const peek = makePeek(root, app, () => repaint());

  const picture = makePicture(canvas);
  let plan = null, known = "", room = 0, buttons = [], marks = "", asked = false;
  let lit = null, spot = { c: 0, n: 0 }, rode = null;
  const cursor = h("button", { type: "button", class: "line-cursor", tabindex: "-1", "aria-label": "A weight", onkeydown: rideKeys,
    onfocus: () => aim(rode), onblur: () => leave(), onclick: () => peek.open({ line: rode }, placeOf({ line: rode }), cursor) });

  new ResizeObserver(() => {
    const width = Math.floor(scroller.clientWidth);
    if (width && width !== room) {
      room = width;
      app.redraw();
    }
  }).observe(scroller);

  // Layout ---------------------------------------------------------------------------------------

  function build(frame) {
    plan = makePlan(frame, room);
    peek.close();
    lit = rode = null;
    marks = "";
    stage.style.width = `${plan.width}px`;
    stage.style.height = `${plan.height}px`;
    picture.plot(frame, plan);
    buttons = plan.columns.map((column) => column.units.map((unit) => unitButton(frame, column, unit)));
    over.replaceChildren(...plan.columns.map((column) => heading(frame, column)), ...names(frame),
      ...pagers(frame), ...buttons.flat(), cursor);
    spot = { c: Math.min(spot.c, buttons.length - 1), n: 0 };
    rove(spot.c, spot.n, false);
    note.textContent = plan.lines.length < plan.total
      ? `The ${plan.lines.length} largest of ${plan.total} weights are drawn.` : "";
  }

  function unitButton(frame, column, unit) {
    const layer = column.layer;
    const button = h("button", { type: "button", class: `unit${layer && layer.frozen ? " frozen" : ""}${unit.size < 32 ? " small" : ""}`, tabindex: "-1",
      onkeydown: (event) => unitKeys(event, unit), onfocus: () => aimUnit(unit), onblur: leave,
      onpointerenter: (event) => { if (event.pointerType === "mouse") aimUnit(unit); }, onpointerleave: leave,
      onclick: () => { rove(unit.column, unit.n, false); peek.open({ unit }, placeOf({ unit }), button); } });
    button.style.left = `${unit.x - unit.size / 2}px`;
    button.style.top = `${unit.y - unit.size / 2}px`;
    button.style.width = button.style.height = `${unit.size}px`;
    button.setAttribute("aria-label", column.image ? "The inputs: one picture" : nameOfUnit(frame, unit.column, unit.n, true));
    return button;
  }

  function heading(frame, column) {
    const layer = column.layer;
    const hidden = layer && !column.last;
    const words = !layer ? (column.image ? `${frame.network.inputs.length} pixels` : "") : hidden ? `${layer.units} ${layer.activation}`
      : frame.problem === "regression" ? "the value" : `${layer.units} classes`;
    const name = !layer ? "Inputs" : hidden ? `Layer ${layer.number}` : "Output";
    const lock = layer && layer.frozen
      ? svg("svg", { class: "lock", viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: LOCK })) : null;
    const box = h("div", { class: "column" }, h("b", {}, lock, name, lock ? h("span", { class: "unseen" }, ", frozen") : null), h("span", {}, words));
    box.style.left = `${column.x}px`;
    return box;
  }

  function names(frame) {
    const labels = [];
    const label = (unit, side, ...content) => {
      const box = h("div", { class: `name ${side}`, "aria-hidden": "true" }, content);
      box.style.top = `${unit.y}px`;
      const gap = unit.size / 2 + (plan.narrow ? 6 : 10);
      if (side === "before") {
        box.style.right = `${plan.width - unit.x + gap}px`;
        box.style.maxWidth = `${unit.x - gap - (plan.narrow ? 2 : 8)}px`;
      } else {
        box.style.left = `${unit.x + gap}px`;
        box.style.maxWidth = `${plan.width - unit.x - gap - 2}px`;
      }
      labels.push(box);
    };
    if (!plan.columns[0].image) {
      plan.columns[0].units.forEach((unit) => label(unit, "before", h("span", {}, nameOfUnit(frame, 0, unit.n))));
    }
    const end = plan.columns[plan.columns.length - 1];
    end.units.forEach((unit) => {
      const k = (end.layer.first || 0) + unit.n;
      label(unit, "after", frame.problem === "classification" ? markerSvg(k) : null, h("span", {}, nameOfUnit(frame, end.c, unit.n)));
    });
    return labels;
  }

  // A wide layer shows some of its units; two buttons turn the page.
  function pagers(frame) {
    const inputs = { number: 0, units: frame.features.length, first: firstOf(frame, 0), shown: frame.network.inputs.length };
    return plan.columns.filter((column) => !column.image).map((column) => {
      const { number: which, units, first, shown } = column.layer || inputs;
      if (units <= shown) return null;
      const turn = (to) => app.act("view", { units: { [which]: Math.max(0, Math.min(units - shown, to)) } });
      const step = (label, sign, to, off) => h("button", { type: "button", "aria-label": which ? `${label} units of layer ${which}` : `${label} inputs`,
        disabled: off, onclick: () => turn(to) }, sign);
      const box = h("div", { class: `pager${plan.stacked ? " stacked" : ""}` }, step("Previous", "‹", first - shown, first <= 0),
        h("span", { class: "numbers" }, `${first + 1}–${first + shown}`), step("Next", "›", first + shown, first + shown >= units));
      box.style.left = `${column.x}px`;
      box.style.top = `${plan.below}px`;
      return box;
    }).filter(Boolean);
  }

  // Dead and saturated units are marked on their buttons, which screen readers reach as well.
  function markUnits(frame) {
    const now = frame.network.layers.map((layer) => `${layer.dead}/${layer.saturated}`).join("|");
    if (now === marks) return;
    marks = now;
    let dead = 0, saturated = 0;
    frame.network.layers.forEach((layer, l) => {
      dead += layer.dead.length;
      saturated += layer.saturated.length;
      buttons[l + 1].forEach((button, n) => {
        const unit = (layer.first || 0) + n;
        const state = layer.dead.includes(unit) ? "dead" : layer.saturated.includes(unit) ? "saturated" : "";
        button.classList.toggle("dead", state === "dead");
        button.classList.toggle("saturated", state === "saturated");
        button.setAttribute("aria-label", nameOfUnit(frame, l + 1, n, true) + (state ? `, ${state}` : ""));
      });
    });
    canvas.setAttribute("aria-label", summary(frame, dead, saturated));
  }

  // Pointing and walking -------------------------------------------------------------------------

  function placeOf({ line, unit }) {
    const box = scroller.getBoundingClientRect(), base = root.getBoundingClientRect();
    const shift = { x: box.left - base.left - scroller.scrollLeft, y: box.top - base.top };
    if (line) return { x: (line.x0 + line.x1) / 2 + shift.x, y: (line.y0 + line.y1) / 2 + shift.y, gap: 14 };
    return { x: unit.x + shift.x, y: unit.y + shift.y, gap: unit.size / 2 + 12 };
  }

  function aim(line, at) {
    lit = { line };
    peek.show({ line }, at || placeOf({ line }));
    repaint();
  }

  function aimUnit(unit) {
    lit = { unit };
    peek.show({ unit }, placeOf({ unit }));
    repaint();
  }

  // While training pauses, no frame comes that would show what the pointer is at.
  function repaint() {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      if (plan) picture.paint(app.frame, lit || peek.pinnedTo());
    });
  }

  function leave() {
    if (!lit) return;
    lit = null;
    peek.hide();
    repaint();
  }

  // The pointer in the stage --------------------------------------------------------------------

  stage.addEventListener("pointermove", (event) => {
    if (!plan || event.pointerType !== "mouse" || event.target.closest("button")) return;
    const line = lineAt(event);
    if (line && (!lit || lit.line !== line)) aim(line, pointOf(event));
    else if (!line && lit && lit.line) leave();
    stage.style.cursor = line ? "pointer" : "";
  });
  stage.addEventListener("pointerleave", () => { if (lit && lit.line) leave(); });
  stage.addEventListener("click", (event) => {
    if (!plan || event.target.closest("button")) return;
    const line = lineAt(event, 10);
    if (!line) return peek.close();
    ride(line, false);
    peek.open({ line }, pointOf(event), cursor);
  });

  function lineAt(event, reach) {
    const box = stage.getBoundingClientRect();
    return nearest(plan, event.clientX - box.left, event.clientY - box.top, reach);
  }

  function pointOf(event) {
    const base = root.getBoundingClientRect();
    return { x: event.clientX - base.left, y: event.clientY - base.top, gap: 14 };
  }

  // One unit is in the order of the Tab key; arrows go on from there.
  function rove(c, n, focus = true) {
    buttons.flat().forEach((button) => { button.tabIndex = -1; });
    const column = buttons[c];
    spot = { c, n: Math.max(0, Math.min(column.length - 1, n)) };
    column[spot.n].tabIndex = 0;
    if (focus) column[spot.n].focus();
  }

  // Put the focus on a line; `outward` says which end the up and down arrows change.
  function ride(line, outward, focus = true) {
    rode = line;
    rode.outward = outward;
    cursor.style.left = `${(line.x0 + line.x1) / 2}px`;
    cursor.style.top = `${(line.y0 + line.y1) / 2}px`;
    const layer = app.frame.network.layers[line.layer];
    cursor.setAttribute("aria-label", `Weight of ${nameOfLine(app.frame, line)}: ${number(layer.weights.data[line.at])}, `
      + `gradient ${number(layer.gradients.data[line.at])}`);
    if (focus && document.activeElement === cursor) aim(line);
    else if (focus) cursor.focus();
  }

  function between(layer, i, j) {
    const a = plan.columns[layer].units[i], b = plan.columns[layer + 1].units[j];
    const count = plan.columns[layer + 1].units.length;
    return { layer, i, j, at: i * count + j, x0: a.x + a.size / 2, y0: a.y, x1: b.x - b.size / 2, y1: b.y };
  }

  function unitKeys(event, unit) {
    const { column: c, n } = unit;
    const nearer = (to) => Math.min(plan.columns[to].units.length - 1, n);
    const moves = {
      ArrowUp: () => rove(c, n - 1), ArrowDown: () => rove(c, n + 1),
      ArrowRight: () => c + 1 < buttons.length && (plan.columns[c].image ? rove(c + 1, 0) : ride(between(c, n, nearer(c + 1)), true)),
      ArrowLeft: () => c > 0 && (plan.columns[c - 1].image ? rove(c - 1, 0) : ride(between(c - 1, nearer(c - 1), n), false)),
      Escape: () => peek.close(),
    };
    go(event, moves);
  }

  function rideKeys(event) {
    const { layer, i, j, outward } = rode;
    const turn = (by) => {
      const from = plan.columns[layer].units.length, to = plan.columns[layer + 1].units.length;
      const next = outward ? [i, Math.max(0, Math.min(to - 1, j + by))] : [Math.max(0, Math.min(from - 1, i + by)), j];
      ride(between(layer, ...next), outward);
    };
    go(event, { ArrowUp: () => turn(-1), ArrowDown: () => turn(1), ArrowLeft: () => rove(layer, i),
      ArrowRight: () => rove(layer + 1, j), Escape: () => { peek.close(); rove(layer + 1, j); } });
  }

  function go(event, moves) {
    const move = moves[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    move();
  }

  function draw(frame) {
    if (!room) return;
    if (frame.full || !plan) {
      const now = signature(frame, room);
      if (now !== known) {
        known = now;
        build(frame);
      }
      const lanes = frame.lanes || [];
      title.textContent = lanes.length > 1 ? `The network of ${lanes[frame.selected].name}` : "";
    }
    picture.paint(frame, lit || peek.pinnedTo());
    markUnits(frame);
    const said = frame.network.note || "";
    if (dead.textContent !== said) {
      dead.textContent = said;
      dead.hidden = !said;
      if (said) app.say(said, "quiet");
    }
    peek.update(frame);
    numbers.draw(frame);
  }
  return { draw };
}

function summary(frame, dead, saturated) {
  const layers = frame.network.layers;
  const parts = layers.slice(0, -1).map((layer) => `${layer.units} ${layer.activation} units`);
  const marks = [dead ? `${dead} dead` : "", saturated ? `${saturated} saturated` : ""].filter(Boolean).join(", ");
  return `The network: ${[`${frame.network.inputs.length} inputs`, ...parts, `${layers[layers.length - 1].units} outputs`].join(", ")}.`
    + (marks ? ` Units: ${marks}.` : "");
}

function legend() {
  const mark = (width, height, ...shapes) => svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, shapes);
  const line = (width, dash) => svg("path", { d: "M1 6h32", fill: "none", stroke: "currentColor", "stroke-width": width, "stroke-dasharray": dash });
  const arrow = (points) => svg("polygon", { points, fill: "currentColor", stroke: "var(--card)", "stroke-width": 1.5 });
  const entry = (className, ...content) => h("span", { class: className }, content);
  return h("div", { class: "legend" },
    entry("", mark(34, 12, line(5)), "thicker: larger weight"),
    entry("", mark(34, 12, line(2.5, "5 3.5")), "dashed: negative"),
    entry("up", mark(34, 12, line(2.5), arrow("17,0 23,11 11,11")), "gradient pushes it up"),
    entry("down", mark(34, 12, line(2.5), arrow("17,12 23,1 11,1")), "… down"),
    entry("", mark(22, 12, svg("path", { d: "M1.5 2.5h7v7h-7z", fill: "currentColor" }), svg("path", { d: "M13.5 3h6v6h-6z", fill: "none", stroke: "currentColor", "stroke-width": 1.5 })), "bias; hollow: negative"),
    entry("", h("i", { class: "unit dead crossed" }), "dead unit"),
    entry("", h("b", {}, "sat."), "saturated unit"),
    entry("", "output: low ", h("i", { class: "scale" }), " high"));
}
