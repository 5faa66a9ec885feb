// The card of one weight or one unit: its numbers, what the gradient says, and buttons that nudge
// it and report how well the gradient predicted the change of the loss. It draws no network.
import { h, number, signed } from "./look.js";
import { pixels, place } from "./paint.js";
import { firstOf, nameOfLine, nameOfUnit } from "./plan.js";

const COARSE = window.matchMedia("(pointer: coarse)");
const DELAY = 140; // milliseconds until a card that was only hovered over goes
const ASK = 60; // milliseconds that a card is looked at before its next step is asked for
let last = "0.1"; // the size of a nudge, kept from card to card

export function makePeek(root, app, closed) {
  const box = h("div", { class: "peek", role: "group", tabindex: "-1", hidden: true, onkeydown: keys });
  root.append(box);
  let what = null, pinned = false, timer = 0, back = null, parts = {}, where = null;
  let coming = null, asked = "", asking = 0; // the next step of one weight, and for which it was asked

  // Show a card at a point while the pointer or the focus is there.
  function show(next, point) {
    clearTimeout(timer);
    if (pinned) return;
    fill(next, point);
  }

  function hide() {
    if (!pinned) timer = setTimeout(close, DELAY);
  }

  // Keep the card open, with its controls.
  function open(next, point, from) {
    clearTimeout(timer);
    pinned = true;
    back = from;
    fill(next, point);
    // On a touch screen, the focus in a field would bring up the keyboard.
    const field = COARSE.matches ? null : box.querySelector("input");
    (field || box).focus({ preventScroll: true });
  }

  function close() {
    clearTimeout(timer);
    const inside = box.contains(document.activeElement);
    box.hidden = true;
    what = null;
    pinned = false;
    closed();
    if (inside && back && back.isConnected) back.focus();
  }

  function keys(event) {
    if (event.key === "Escape") {
      event.preventDefault();
      close();
    }
    event.stopPropagation();
  }

  // A card stays while its weight is watched: in a step, a pause, or on the way back.
  document.addEventListener("pointerdown", (event) => {
    if (pinned && !box.contains(event.target) && !event.target.closest(".stage, #toolbar, #timeline")) close();
  });

  function fill(next, point) {
    what = next;
    const frame = app.frame;
    const title = next.line ? nameOfLine(frame, next.line, "→") : nameOfUnit(frame, next.unit.column, next.unit.n, true).replace(/^unit/, "Unit");
    parts = { list: h("dl"), meaning: h("p", { class: "meaning hint" }), formula: h("p", { class: "formula numbers" }), said: h("p", { class: "nudged", hidden: true }) };
    const target = pinned ? parameter(frame) : null;
    box.setAttribute("aria-label", title);
    box.replaceChildren(
      h("header", {}, h("h3", {}, title),
        pinned ? h("button", { type: "button", class: "close", "aria-label": "Close", onclick: close }, "×") : null),
      ...facts(next.unit ? images(frame, next.unit) : null), ...(pinned && next.unit && next.unit.column ? [parts.formula] : []),
      ...(next.line || pinned || why(frame, next.unit) ? [parts.meaning] : []),
      ...(target ? [nudger(target), parts.said] : pinned || !parameter(frame) ? [] : [h("p", { class: "hint" }, "Click to nudge it.")]));
    update(frame);
    box.hidden = false;
    settle(point);
  }

  // Next to the point, but inside the panel.
  function settle(point) {
    const { x, y, gap } = where = point;
    const wide = root.clientWidth, across = box.offsetWidth, down = box.offsetHeight;
    const right = x + gap + across <= wide;
    box.style.left = `${right ? x + gap : Math.max(0, x - gap - across)}px`;
    const room = window.innerHeight - root.getBoundingClientRect().top - down - 12;
    box.style.top = `${Math.max(-40, Math.min(y - 40, room))}px`;
  }

  // The number that a nudge of this card changes; null for the inputs.
  function parameter(frame) {
    const { line, unit } = what;
    if (line) {
      return { layer: line.layer + 1, row: firstOf(frame, line.layer) + line.i, column: firstOf(frame, line.layer + 1) + line.j, word: "weight" };
    }
    if (!unit.column) return null;
    return { layer: unit.column, row: "bias", column: firstOf(frame, unit.column) + unit.n, word: "bias" };
  }

  function values(frame) {
    const { line, unit } = what;
    const layer = frame.network.layers[line ? line.layer : unit.column - 1];
    if (!layer) return null;
    return line ? { layer, value: layer.weights.data[line.at], gradient: layer.gradients.data[line.at] }
      : { layer, value: layer.bias.data[unit.n], gradient: layer.bias_gradients.data[unit.n] };
  }

  function nudger(target) {
    const field = h("input", { type: "number", step: "any", min: "0", value: last, inputmode: "decimal" });
    const nudge = async (sign) => {
      const by = Math.abs(Number(field.value));
      if (!by) return app.say("The size of the nudge: expected a number above 0, such as 0.1.", "error");
      last = field.value;
      const { layer, row, column } = target;
      const answer = await app.act("nudge", { layer, row, column, by: sign * by });
      if (!answer || !answer.nudge) return undefined;
      const said = answer.nudge.text.replace(/(^|\s)-(?=\d)/g, "$1−");
      const text = `${said[0].toUpperCase()}${said.slice(1)}${said.endsWith(".") ? "" : "."}`;
      parts.said.textContent = text;
      parts.said.hidden = false;
      settle(where);
      return app.say(text, "quiet");
    };
    const button = (sign, text) => h("button", { type: "button", class: "button", onclick: () => nudge(sign),
      "aria-label": `Make the ${target.word} ${sign > 0 ? "larger" : "smaller"}` }, text);
    return h("div", { class: "nudge" }, button(-1, "−"),
      h("label", { class: "field" }, h("span", {}, `Nudge the ${target.word} by`), field), button(1, "+"));
  }

  // One picture is next to the numbers, two are above them.
  function facts(pictures) {
    if (!pictures) return [parts.list];
    return pictures.children.length > 1 ? [pictures, parts.list] : [h("div", { class: "facts" }, pictures, parts.list)];
  }

  // The map of a unit, large; for the pixels of a digit, its weights and their gradients.
  function images(frame, unit) {
    const layer = unit.column ? frame.network.layers[unit.column - 1] : null;
    const one = layer ? layer.maps : (frame.network.inputs[unit.n] || {}).map;
    if (!one) return null;
    const [high, wide] = one.shape.slice(-2);
    const map = pixels(wide, high);
    parts.maps = [{ map, redraw: (now) => {
      const from = unit.column ? now.network.layers[unit.column - 1].maps : now.network.inputs[unit.n].map;
      place(map, 0, 0, from.data, unit.column ? unit.n * high * wide : 0, wide, high,
        !layer || layer.map_kind !== "weights");
    } }];
    const weights = layer && layer.map_kind === "weights";
    const figures = [h("figure", {}, map.canvas, weights ? h("figcaption", {}, "weights") : null)];
    if (weights) figures.push(gradientImage(unit, high, wide));
    return h("div", { class: weights ? "images squares" : "images" }, figures);
  }

  function gradientImage(unit, high, wide) {
    const map = pixels(wide, high), bytes = new Uint8Array(high * wide);
    parts.maps.push({ map, redraw: (now) => {
      const { gradients } = now.network.layers[unit.column - 1];
      const columns = gradients.shape[1], value = (n) => gradients.data[n * columns + unit.n];
      let most = 1e-12;
      for (let n = 0; n < bytes.length; n += 1) most = Math.max(most, Math.abs(value(n)) || 0);
      for (let n = 0; n < bytes.length; n += 1) bytes[n] = 128 + 127 * ((value(n) || 0) / most);
      place(map, 0, 0, bytes, 0, wide, high);
    } });
    return h("figure", {}, map.canvas, h("figcaption", {}, "their gradients"));
  }

  // Bring the numbers up to date; called for each frame.
  function update(frame) {
    if (!what) return;
    (parts.maps || []).forEach(({ map, redraw }) => {
      redraw(frame);
      map.put();
    });
    const now = values(frame);
    const rows = [];
    if (now) {
      const { layer, row, column } = parameter(frame);
      const exact = next(frame, now, { layer, row, column });
      const way = exact ? direction(exact.to - exact.value) : push(now);
      // The name is that of branches, exports and the explanation of a step, which count from 0.
      rows.push([what.line ? `weight W${layer}[${row}, ${column}]` : `bias b${layer}[${column}]`, signed(now.value)], ["gradient", signed(now.gradient)], ...(exact ? moved(exact, way) : pushed(now, way, frame.playing)));
      parts.meaning.textContent = meaning(now, exact);
    }
    if (what.unit) {
      rows.push(...aboutUnit(frame, what.unit));
      const text = pinned ? formula(frame, what.unit) : "";
      if (parts.formula.textContent !== text) parts.formula.textContent = text;
      const reason = why(frame, what.unit);
      if (reason) parts.meaning.textContent = reason;
    }
    write(parts.list, rows);
  }

  // What the next step makes of the weight, as the server computed it on a copy; null as long as it has
  // not answered, and while the session trains, where it would be asked at each frame.
  function next(frame, { layer }, place) {
    const key = `${frame.state} ${frame.step} ${Object.values(place).join(" ")}`;
    if (coming?.key === key) return coming;
    if (frame.playing || layer.frozen || frame.lanes[frame.selected].stopped) return null;
    if (asked !== key) {
      asked = key;
      clearTimeout(asking);
      asking = setTimeout(async () => {
        const answer = asked === key && !app.frame.playing ? await app.act("next", place) : null;
        if (asked === key) asked = "";
        const { branch, step } = app.frame;
        // A replay may have gone elsewhere meanwhile.
        if (!answer || answer.next.branch !== branch || answer.next.step !== step) return;
        coming = { key, ...answer.next };
        update(app.frame);
      }, ASK);
    }
    return null;
  }

  // What a card that stays open is about.
  const pinnedTo = () => (pinned ? what : null);

  return { show, hide, open, close, update, pinnedTo };
}

// Texts are replaced only where they changed, so that a card costs little at each frame.
function write(list, rows) {
  while (list.children.length > 2 * rows.length) list.lastChild.remove();
  rows.forEach(([term, text, way], n) => {
    if (!list.children[2 * n]) list.append(h("dt"), h("dd"));
    const [dt, dd] = [list.children[2 * n], list.children[2 * n + 1]];
    if (dt.textContent !== term) dt.textContent = term;
    if (dd.textContent !== text) dd.textContent = text;
    dd.className = way || "";
  });
}

export function push({ layer, gradient }) {
  if (layer.frozen || !gradient || !Number.isFinite(gradient)) return "";
  return gradient > 0 ? "down" : "up";
}

const direction = (by) => (by > 0 ? "up" : by < 0 ? "down" : "");
const ARROWS = { up: "▲", down: "▼" };

// Only the direction in which the gradient pushes: while training, and until the server has answered.
function pushed({ layer, gradient }, way, isPlaying) {
  if (layer.frozen) return [["next step", "stays (frozen)"]];
  if (!Number.isFinite(gradient)) return [["next step", "not finite"]];
  return [["next step", way ? `${ARROWS[way]} pushed ${way}` : "not pushed", way], ["its change", isPlaying ? "when paused" : "…"]];
}

function moved({ value, to }, way) {
  if (to === null) return [["next step", "not finite"]];
  return [["next step", `${signed(value)} → ${signed(to)}`, way], ["its change", way ? `${ARROWS[way]} ${number(Math.abs(to - value))}` : "0", way]];
}

function meaning({ value, gradient }, exact) {
  if (!Number.isFinite(gradient) || !Number.isFinite(value)) return "";
  const text = `0.1 more would change the loss of the next batch by about ${signed(0.1 * gradient)}.`;
  const by = exact && exact.to !== null ? exact.to - exact.value : 0;
  return by * gradient > 0 ? `${text} The next step goes the other way: earlier gradients or L2 weigh more.` : text;
}

function aboutUnit(frame, unit) {
  const layer = unit.column ? frame.network.layers[unit.column - 1] : null;
  if (!layer) return [];
  const rows = [], range = layer.range && layer.range[unit.n];
  const which = (layer.first || 0) + unit.n;
  if (range) rows.push(["outputs", `${number(range[0])} … ${number(range[1])}`]);
  if (layer.dead.includes(which)) rows.push(["dead", "always 0"]);
  if (layer.saturated.includes(which)) rows.push(["saturated", "always flat"]);
  return rows;
}

// Why a unit has stopped learning, and what helps.
function why(frame, unit) {
  const layer = unit.column ? frame.network.layers[unit.column - 1] : null;
  if (!layer) return "";
  const which = (layer.first || 0) + unit.n;
  if (layer.dead.includes(which)) {
    return "Its sum of weights × inputs + bias is negative for every training row. There ReLU returns 0 and is flat, so no "
      + "gradient reaches its weights. Nudge its bias up, choose leaky relu, or go back and lower the learning rate.";
  }
  if (layer.saturated.includes(which)) {
    return `Its sum of weights × inputs + bias is so large for every training row that ${layer.activation} is flat there: `
      + "hardly any gradient passes through it. Go back and lower the learning rate, or nudge its bias towards 0.";
  }
  return "";
}

const TERMS = 4; // of a formula; with more inputs, those with the largest weights

// What a unit computes, with its weights of now.
function formula(frame, unit) {
  if (!unit.column) return "";
  const layer = frame.network.layers[unit.column - 1];
  const count = unit.column === 1 ? frame.network.inputs.length : frame.network.layers[unit.column - 2].shown;
  const weight = (i) => layer.weights.data[i * layer.weights.shape[1] + unit.n];
  const rows = Array.from({ length: count }, (_, i) => i).sort((i, k) => Math.abs(weight(k)) - Math.abs(weight(i)));
  const shown = rows.slice(0, TERMS).sort((i, k) => i - k);
  const name = (i) => (unit.column === 1 ? nameOfUnit(frame, 0, i) : `u${firstOf(frame, unit.column - 1) + i + 1}`);
  const terms = shown.map((i, n) => term(weight(i), name(i), !n));
  if (layer.inputs > shown.length) terms.push(` + … (${layer.inputs - shown.length} more)`);
  const sum = `${terms.join("")}${term(layer.bias.data[unit.n], "", false)}`;
  const where = unit.column === 1 ? "" : `, where u1, u2 … are the outputs of layer ${unit.column - 1}`;
  const last = unit.column === frame.network.layers.length;
  if (last) {
    return `${frame.problem === "regression" ? "prediction" : "score"} = ${sum}${where}`
      + (frame.problem === "regression" ? "" : "; softmax turns the scores into probabilities");
  }
  return `output = ${layer.activation === "linear" ? sum : `${layer.activation}(${sum})`}${where}`;
}

function term(value, name, first) {
  const text = `${number(Math.abs(value))}${name ? ` × ${name}` : ""}`;
  if (first) return value < 0 ? `−${text}` : text;
  return ` ${value < 0 ? "−" : "+"} ${text}`;
}
