// The network in the middle: units with their maps, lines as wide as weights and coloured by
// gradients. One canvas holds the picture; buttons over it take the pointer and the keyboard.
// What is known of one unit or weight is in peek.js, the table of numbers in numbers.js.
import { h, look, marker, markerSvg, number, svg } from "./look.js";
import { makeNumbers } from "./numbers.js";
import { pixels, place, ramps, sharpen } from "./paint.js";
import { makePeek } from "./peek.js";
import { bend, firstOf, makePlan, nameOfLine, nameOfUnit, nearest, signature } from "./plan.js";

const WIDEST = 5.5;
const STRONGEST = 5;
const LOCK = "M4 7V5a4 4 0 0 1 8 0v2M3 7h10v8H3z";

export function make(root, app) {
  const title = h("p", { class: "net-title" });
  const note = h("p", { class: "net-note" });
  const canvas = h("canvas", { role: "img" });
  const over = h("div");
  const stage = h("div", { class: "stage" }, canvas, over);
  const scroller = h("div", { class: "stage-scroll", tabindex: "-1" }, stage);
  const numbers = makeNumbers(app);
  root.append(h("div", { class: "net-head" }, title, note), scroller, legend(), numbers.root);
  const peek = makePeek(root, app);

  let plan = null, known = "", room = 0, atlas = null, buttons = [], marks = "";
  let widest = 1, steepest = 0, lit = null, spot = { c: 0, n: 0 }, rode = null;
  const cursor = h("button", { type: "button", class: "line-cursor", tabindex: "-1", onkeydown: rideKeys,
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
    const most = Math.max(...plan.columns.map((column) => column.units.length));
    const layers = frame.network.layers;
    const edge = Math.max(24, ...layers.map((layer) => (layer.maps ? layer.maps.shape[1] : 0)));
    atlas = pixels(edge * most, edge * plan.columns.length);
    atlas.edge = edge;
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
    const button = h("button", { type: "button", class: `unit${layer && layer.frozen ? " frozen" : ""}`, tabindex: "-1",
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
    const words = !layer ? (column.image ? `${frame.network.inputs.length} pixels` : "") : hidden ? `${layer.units} × ${layer.activation}`
      : frame.problem === "regression" ? "the value" : `${layer.units} classes`;
    const name = !layer ? "Inputs" : hidden ? `Layer ${layer.number}` : "Output";
    const lock = layer && layer.frozen
      ? svg("svg", { class: "lock", viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: LOCK })) : null;
    const box = h("div", { class: "column" }, h("b", {}, lock, layer && layer.frozen ? `${name}, frozen` : name), h("span", {}, words));
    box.style.left = `${column.x}px`;
    return box;
  }

  function names(frame) {
    const labels = [];
    const label = (unit, side, ...content) => {
      const box = h("div", { class: `name ${side}`, "aria-hidden": "true" }, content);
      box.style.top = `${unit.y}px`;
      const gap = unit.size / 2 + 10;
      if (side === "before") {
        box.style.right = `${plan.width - unit.x + gap}px`;
        box.style.maxWidth = `${unit.x - gap - 4}px`;
      } else {
        box.style.left = `${unit.x + gap}px`;
        box.style.maxWidth = `${plan.width - unit.x - gap - 2}px`;
      }
      labels.push(box);
    };
    if (!plan.columns[0].image) {
      plan.columns[0].units.forEach((unit) => label(unit, "before", nameOfUnit(frame, 0, unit.n)));
    }
    const end = plan.columns[plan.columns.length - 1];
    end.units.forEach((unit) => {
      const k = (end.layer.first || 0) + unit.n;
      label(unit, "after", frame.problem === "classification" ? markerSvg(k) : null, nameOfUnit(frame, end.c, unit.n));
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
      const box = h("div", { class: "pager" }, step("Previous", "‹", first - shown, first <= 0),
        h("span", { class: "numbers" }, `${first + 1}–${first + shown}`), step("Next", "›", first + shown, first + shown >= units));
      box.style.left = `${column.x}px`;
      box.style.top = `${plan.below}px`;
      return box;
    }).filter(Boolean);
  }

  // Painting -------------------------------------------------------------------------------------

  function paint(frame) {
    const context = sharpen(canvas, plan.width, plan.height);
    canvas.style.width = `${plan.width}px`;
    canvas.style.height = `${plan.height}px`;
    context.clearRect(0, 0, plan.width, plan.height);
    measure(frame);
    if (plan.columns[0].image) fan(context);
    strokes(context, frame);
    tiles(context, frame);
    biases(context, frame);
  }

  // Widths and colours are relative to the largest weight and gradient; the scale of the gradients
  // sinks slowly, so that colours do not flicker from batch to batch.
  function measure(frame) {
    let weight = 1, gradient = 0;
    frame.network.layers.forEach((layer) => {
      if (layer.map_kind !== "weights") weight = Math.max(weight, largest(layer.weights.data));
      if (!layer.frozen) gradient = Math.max(gradient, largest(layer.gradients.data));
    });
    widest = weight;
    steepest = Math.max(gradient, 0.93 * (Number.isFinite(steepest) ? steepest : 0));
  }

  function level(gradient, frozen) {
    if (frozen || !steepest || !Number.isFinite(gradient)) return 0;
    return Math.round(ramps().levels * Math.sqrt(Math.abs(gradient) / steepest));
  }

  function fan(context) {
    const from = plan.columns[0].units[0];
    context.strokeStyle = look().hair;
    context.lineWidth = 1.2;
    context.beginPath();
    plan.columns[1].units.forEach((unit) => curve(context, from.x + from.size / 2, from.y, unit.x - unit.size / 2, unit.y));
    context.stroke();
  }

  function strokes(context, frame) {
    const { up, down, levels } = ramps();
    const layers = frame.network.layers;
    const bins = Array.from({ length: levels + 1 }, () => []);
    for (const line of plan.lines) {
      const layer = layers[line.layer];
      bins[level(layer.gradients.data[line.at], layer.frozen)].push(line);
    }
    for (let n = 0; n <= levels; n += 1) {
      for (const line of bins[n]) {
        const layer = layers[line.layer];
        const weight = layer.weights.data[line.at];
        context.globalAlpha = fades(line) ? 0.16 : 1;
        context.strokeStyle = (layer.gradients.data[line.at] > 0 ? down : up)[n];
        context.lineWidth = 0.6 + WIDEST * Math.min(1, (Math.abs(weight) || 0) / widest);
        context.setLineDash(weight < 0 ? [5, 3.5] : []);
        context.beginPath();
        curve(context, line.x0, line.y0, line.x1, line.y1);
        context.stroke();
      }
    }
    context.setLineDash([]);
    context.globalAlpha = 1;
    if (lit && lit.line) ring(context, lit.line);
    arrows(context, frame, [...bins].reverse().flat());
  }

  const fades = (line) => lit && lit.unit && !plan.columns[lit.unit.column].image
    && !(line.layer === lit.unit.column - 1 && line.j === lit.unit.n)
    && !(line.layer === lit.unit.column && line.i === lit.unit.n);

  function ring(context, line) {
    context.strokeStyle = look().text;
    context.lineWidth = 1.3;
    [-1, 1].forEach((side) => {
      context.beginPath();
      curve(context, line.x0, line.y0 + 5 * side, line.x1, line.y1 + 5 * side);
      context.stroke();
    });
  }

  // The strongest pushes also have an arrow, so that their direction is not in the colour alone.
  function arrows(context, frame, ordered) {
    const colours = look();
    ordered.slice(0, STRONGEST).forEach((line) => {
      const layer = frame.network.layers[line.layer];
      const gradient = layer.gradients.data[line.at];
      if (level(gradient, layer.frozen) < 2 || fades(line)) return;
      const x = line.x0 + 0.68 * (line.x1 - line.x0), y = line.y0 + (line.y1 - line.y0) * bend(0.63);
      const way = gradient > 0 ? 1 : -1;
      context.beginPath();
      [[0, 6.5], [5.5, -4], [-5.5, -4]].forEach(([dx, dy], n) => context[n ? "lineTo" : "moveTo"](x + dx, y + way * dy));
      context.closePath();
      context.strokeStyle = colours.card;
      context.lineWidth = 3;
      context.stroke();
      context.fillStyle = way > 0 ? colours.down : colours.up;
      context.fill();
    });
  }

  function tiles(context, frame) {
    const edge = atlas.edge;
    const { inputs, layers } = frame.network;
    plan.columns.forEach((column) => {
      const maps = column.layer ? column.layer.maps && layers[column.c - 1].maps : null;
      column.units.forEach((unit) => {
        const one = maps || (!column.layer && !column.image && inputs[unit.n].map);
        if (!one) return;
        const [high, wide] = one.shape.slice(-2);
        place(atlas, unit.n * edge, column.c * edge, one.data, maps ? unit.n * high * wide : 0, wide, high,
          !column.layer || column.layer.map_kind !== "weights");
      });
    });
    atlas.put();
    plan.columns.forEach((column) => column.units.forEach((unit) => tile(context, frame, column, unit, edge)));
  }

  function tile(context, frame, column, unit, edge) {
    const left = unit.x - unit.size / 2, top = unit.y - unit.size / 2;
    const layer = column.layer ? frame.network.layers[column.c - 1] : null;
    const one = layer ? layer.maps : column.image ? null : frame.network.inputs[unit.n].map;
    context.save();
    context.beginPath();
    context.roundRect(left, top, unit.size, unit.size, 6);
    context.fillStyle = look().card;
    context.fill();
    context.clip();
    if (one) {
      const [high, wide] = one.shape.slice(-2);
      context.imageSmoothingEnabled = wide > 8;
      context.drawImage(atlas.canvas, unit.n * edge, column.c * edge, wide, high, left, top, unit.size, unit.size);
    } else if (column.image) picture(context, frame, left, top, unit.size);
    else blank(context, unit);
    context.restore();
  }

  // The tile of the inputs, where they are pixels: the first example, if there is one.
  function picture(context, frame, left, top, size) {
    const images = frame.examples && frame.examples.images;
    const cell = size / 8;
    for (let n = 0; n < 64; n += 1) {
      const ink = images ? images.data[n] / Math.max(1, picture.most(images.data)) : ((n + (n >> 3)) % 2) * 0.15;
      context.globalAlpha = ink;
      context.fillStyle = look().text;
      context.fillRect(left + (n % 8) * cell, top + (n >> 3) * cell, cell + 0.5, cell + 0.5);
    }
    context.globalAlpha = 1;
  }
  picture.most = (data) => data.subarray(0, 64).reduce((most, x) => Math.max(most, x), 0);

  function blank(context, unit) {
    context.fillStyle = look().soft;
    context.fillRect(unit.x - unit.size / 2, unit.y - unit.size / 2, unit.size, unit.size);
  }

  // A bias is a small square at the corner of its unit: its size, hollow if negative, its gradient.
  function biases(context, frame) {
    const { up, down } = ramps();
    plan.columns.slice(1).forEach((column) => {
      const layer = frame.network.layers[column.c - 1];
      column.units.forEach((unit) => {
        const bias = layer.bias.data[unit.n], gradient = layer.bias_gradients.data[unit.n];
        const size = 4 + 6 * Math.min(1, (Math.abs(bias) || 0) / widest);
        const x = unit.x - unit.size / 2 - size - 3, y = unit.y + unit.size / 2 - size;
        const colour = (gradient > 0 ? down : up)[level(gradient, layer.frozen)];
        context.lineWidth = 1.5;
        context.strokeStyle = context.fillStyle = colour;
        if (bias < 0) {
          context.fillStyle = look().card;
          context.fillRect(x, y, size, size);
        } else context.fillRect(x, y, size, size);
        context.strokeRect(x + 0.75, y + 0.75, size - 1.5, size - 1.5);
      });
    });
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
        button.replaceChildren(...(state ? [h("span", { class: "mark", "aria-hidden": "true" }, state === "dead" ? "dead" : "sat.")] : []));
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
    app.redraw();
  }

  function aimUnit(unit) {
    lit = { unit };
    peek.show({ unit }, placeOf({ unit }));
    app.redraw();
  }

  function leave() {
    if (!lit) return;
    lit = null;
    peek.hide();
    app.redraw();
  }

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
      title.textContent = lanes.length > 1 ? `The network of ${lanes[frame.selected].name}` : describe(frame);
    }
    paint(frame);
    markUnits(frame);
    peek.update(frame);
    numbers.draw(frame);
  }
  return { draw };
}

function largest(data) {
  let most = 0;
  for (let n = 0; n < data.length; n += 1) {
    const size = Math.abs(data[n]);
    if (size > most && size < Infinity) most = size;
  }
  return most;
}

function curve(context, x0, y0, x1, y1) {
  const half = (x0 + x1) / 2;
  context.moveTo(x0, y0);
  context.bezierCurveTo(half, y0, half, y1, x1, y1);
}

function describe(frame) {
  const layers = frame.network.layers;
  return [frame.network.inputs.length, ...layers.map((layer) => layer.units)].join(" – ");
}

function summary(frame, dead, saturated) {
  const layers = frame.network.layers;
  const parts = layers.slice(0, -1).map((layer) => `${layer.units} ${layer.activation} units`);
  const marks = [dead ? `${dead} dead` : "", saturated ? `${saturated} saturated` : ""].filter(Boolean).join(", ");
  return `The network: ${[`${frame.network.inputs.length} inputs`, ...parts, `${layers[layers.length - 1].units} outputs`].join(", ")}.`
    + (marks ? ` Units: ${marks}.` : "");
}

function legend() {
  const line = (attributes) => svg("svg", { width: 34, height: 10, viewBox: "0 0 34 10", "aria-hidden": "true" },
    svg("path", { d: "M1 5h32", fill: "none", stroke: "currentColor", ...attributes }));
  const arrow = (name, points) => svg("svg", { width: 14, height: 12, viewBox: "0 0 14 12", "aria-hidden": "true" },
    svg("polygon", { points, fill: `var(--${name})` }));
  return h("div", { class: "legend" },
    h("span", {}, line({ "stroke-width": 5 }), "width: size of the weight"),
    h("span", {}, line({ "stroke-width": 2.5, "stroke-dasharray": "5 3.5" }), "dashed: negative"),
    h("span", {}, "the gradient pushes it ", h("b", { class: "up" }, arrow("up", "7,1 13,11 1,11"), " up"), " or ",
      h("b", { class: "down" }, arrow("down", "7,11 13,1 1,1"), " down"), ", grey: hardly"),
    h("span", {}, "unit: ", "low ", h("i", { class: "scale" }), " high"));
}
