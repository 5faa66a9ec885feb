// One decision map for each lane: what the network predicts over the plane, the points, the next
// batch, and under it the loss and the score. Clicking a lane selects it. Drawing only.
import { h, look, marker, markerSvg, number, percent, SHAPES } from "./look.js";
import { pixels, ramps, sharpen, valueColour } from "./paint.js";

const WIDEST = 440;
const LEFT = 34, BELOW = 34, ABOVE = 6, RIGHT = 8;

export function make(root, app) {
  const list = h("div", { class: "lanes" });
  const keys = h("div", { class: "keys" });
  const axes = h("div", { class: "axes", hidden: true });
  root.append(list, keys, axes);
  let lanes = [], known = "", span = 0, dots = null, bounds = [-1, 1];

  new ResizeObserver(() => {
    const width = Math.floor(list.clientWidth);
    if (width && width !== span) {
      span = width;
      app.redraw();
    }
  }).observe(list);

  function build(frame) {
    list.className = `lanes ${frame.lanes.length > 1 ? "many" : "one"}`;
    lanes = frame.lanes.map((lane, n) => makeLane(frame, lane, n));
    list.replaceChildren(...lanes.map((lane) => lane.root));
    dots = null;
  }

  function makeLane(frame, lane, n) {
    const part = { n, texts: {} };
    const stroke = h("i", { class: "stroke" });
    stroke.style.background = `var(--lane-${n})`;
    part.name = h("span", {}, lane.name);
    part.head = h("button", { type: "button", class: "lane-head", onclick: () => select(n) }, stroke, part.name);
    part.canvas = h("canvas", { role: "img", tabindex: "0", onkeydown: (event) => walk(event, part), onblur: () => untip(part) });
    part.tip = h("div", { class: "tip", hidden: true });
    part.plane = h("div", { class: "plane" }, part.canvas, part.tip);
    part.list = h("dl");
    part.stopped = h("p", { class: "stopped", hidden: true });
    part.canvas.addEventListener("pointermove", (event) => point(event, part));
    part.canvas.addEventListener("pointerleave", () => untip(part));
    part.canvas.addEventListener("click", () => select(n));
    part.root = h("article", { class: "lane", "aria-label": lane.name }, part.head, part.plane, part.list, part.stopped);
    return part;
  }

  function select(n) {
    if (app.frame.selected !== n) app.act("select", { lane: n });
  }

  // Geometry -------------------------------------------------------------------------------------

  function size(part) {
    const width = lanes.length > 1 ? Math.floor((span - 12) / 2) - 18 : Math.min(span, WIDEST);
    const small = width < 200;
    const frame = { left: small ? 24 : LEFT, right: small ? 4 : RIGHT, above: ABOVE, below: small ? 20 : BELOW, width, small };
    frame.across = width - frame.left - frame.right;
    frame.height = frame.across + frame.above + frame.below;
    part.box = frame;
    return frame;
  }

  const toX = (axes, box, x) => box.left + box.across * (x - axes.x[0]) / (axes.x[1] - axes.x[0]);
  const toY = (axes, box, y) => box.above + box.across * (1 - (y - axes.y[0]) / (axes.y[1] - axes.y[0]));

  // Points and axes change seldom: they are drawn once on a canvas of their own.
  function makeDots(frame, box) {
    const canvas = document.createElement("canvas");
    const context = sharpen(canvas, box.width, box.height);
    const { points, axes } = frame;
    const regression = frame.problem === "regression";
    const radius = box.small ? 1.6 : points.train.shape[0] > 500 ? 2.1 : 3;
    const colours = look();
    const draw = (group, labels, filled) => {
      for (let n = 0; n < labels.data.length; n += 1) {
        const x = toX(axes, box, group.data[2 * n]), y = toY(axes, box, group.data[2 * n + 1]);
        const label = labels.data[n];
        const colour = regression ? valueColour(scaled(label)) : colours.classes[label % 10];
        context.beginPath();
        marker(context, regression ? 0 : label, x, y, radius);
        context.lineWidth = filled ? 1.6 : box.small ? 2 : 3.2;
        context.strokeStyle = colours.card;
        context.stroke();
        context.fillStyle = filled ? colour : colours.card;
        context.fill();
        context.lineWidth = box.small ? 0.5 : filled ? 0.8 : 1.4;
        context.strokeStyle = regression || filled ? colours.text : colour;
        if (!filled || regression) context.stroke();
        if (regression && !filled) {
          context.fillStyle = colour;
          context.fill();
        }
      }
    };
    context.save();
    context.beginPath();
    context.rect(box.left, box.above, box.across, box.across);
    context.clip();
    // A small map has no room for all points.
    if (!box.small) draw(points.test, points.test_labels, false);
    draw(points.train, points.train_labels, true);
    context.restore();
    ticks(context, frame, box);
    return canvas;
  }

  function ticks(context, frame, box) {
    const { axes, features } = frame;
    const colours = look();
    context.fillStyle = colours.muted;
    context.strokeStyle = colours.line;
    context.lineWidth = 1;
    context.font = `11px ${getComputedStyle(document.body).fontFamily}`;
    context.strokeRect(box.left - 0.5, box.above - 0.5, box.across + 1, box.across + 1);
    const bottom = box.above + box.across;
    context.textAlign = "center";
    context.textBaseline = "top";
    round(axes.x, box.small ? 3 : 5).forEach((x) => context.fillText(tick(x), toX(axes, box, x), bottom + 5));
    if (!box.small) context.fillText(clip(features[axes.features[0]]), box.left + box.across / 2, bottom + 19);
    context.textAlign = "right";
    context.textBaseline = "middle";
    round(axes.y, box.small ? 3 : 5).forEach((y) => context.fillText(tick(y), box.left - 5, toY(axes, box, y)));
    if (box.small) return;
    context.save();
    context.translate(7, box.above + box.across / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.fillText(clip(features[axes.features[1]]), 0, 0);
    context.restore();
  }

  // Painting -------------------------------------------------------------------------------------

  const scaled = (value) => 2 * (value - bounds[0]) / (bounds[1] - bounds[0] || 1) - 1;

  function paint(frame, part) {
    const lane = frame.lanes[part.n];
    part.plane.hidden = !lane.map;
    if (!lane.map) return;
    const box = size(part);
    const context = sharpen(part.canvas, box.width, box.height);
    part.plane.style.width = `${box.width}px`;
    part.canvas.style.height = `${box.height}px`;
    dots = dots || makeDots(frame, box);
    context.clearRect(0, 0, box.width, box.height);
    fillMap(frame, lane, part);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(part.pixels.canvas, box.left, box.above, box.across, box.across);
    context.drawImage(dots, 0, 0, box.width, box.height);
    batch(context, frame, box);
    if (part.at) cross(context, frame, part);
  }

  // The first row of a map is the lowest one; that of a picture is the uppermost.
  function fillMap(frame, lane, part) {
    const [high, wide] = (lane.map.winner || lane.map.value).shape;
    if (!part.pixels || part.pixels.width !== wide || part.pixels.height !== high) part.pixels = pixels(wide, high);
    const { data } = part.pixels;
    const { value, classes, blank } = ramps();
    if (lane.map.winner) {
      const winner = lane.map.winner.data, sure = lane.map.sure.data;
      for (let n = 0; n < data.length; n += 1) {
        const from = flip(n, wide, high);
        data[n] = classes[winner[from] % 10][sure[from]];
      }
    } else {
      const values = lane.map.value.data;
      const to = 255 / (bounds[1] - bounds[0] || 1);
      for (let n = 0; n < data.length; n += 1) {
        const one = values[flip(n, wide, high)];
        data[n] = Number.isFinite(one) ? value[Math.max(0, Math.min(255, (one - bounds[0]) * to)) | 0] : blank;
      }
    }
    part.pixels.put();
  }

  function batch(context, frame, box) {
    const { points, axes } = frame;
    const ring = box.small ? 4 : 6.5;
    context.strokeStyle = look().text;
    context.lineWidth = box.small ? 1 : 1.4;
    context.beginPath();
    (frame.batch || []).forEach((n) => {
      const x = toX(axes, box, points.train.data[2 * n]), y = toY(axes, box, points.train.data[2 * n + 1]);
      context.moveTo(x + ring, y);
      context.arc(x, y, ring, 0, 2 * Math.PI);
    });
    context.stroke();
  }

  function cross(context, frame, part) {
    const { box, at } = part;
    const x = box.left + at[0] * box.across, y = box.above + at[1] * box.across;
    context.strokeStyle = look().text;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x - 9, y);
    context.lineTo(x + 9, y);
    context.moveTo(x, y - 9);
    context.lineTo(x, y + 9);
    context.stroke();
  }

  // What is predicted at a point -----------------------------------------------------------------

  function point(event, part) {
    const box = part.box, area = part.canvas.getBoundingClientRect();
    if (!box) return;
    const x = (event.clientX - area.left - box.left) / box.across, y = (event.clientY - area.top - box.above) / box.across;
    if (x < 0 || x > 1 || y < 0 || y > 1) untip(part);
    else ask(part, x, y);
  }

  function walk(event, part) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key === "Enter") return select(part.n);
    const move = moves[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return undefined;
    event.preventDefault();
    event.stopPropagation();
    const [x, y] = part.at || [0.5, 0.5], by = event.shiftKey ? 0.1 : 0.02;
    const keep = (t) => Math.max(0, Math.min(1, t));
    ask(part, keep(x + by * move[0]), keep(y + by * move[1]));
    return app.say(part.tip.textContent, "quiet");
  }

  function ask(part, x, y) {
    part.at = [x, y];
    show(part);
    repaint(part);
  }

  function show(part) {
    const frame = app.frame, lane = frame.lanes[part.n], { box } = part;
    const [x, y] = part.at;
    const place = `${number(frame.axes.x[0] + x * (frame.axes.x[1] - frame.axes.x[0]))}, ${number(frame.axes.y[1] - y * (frame.axes.y[1] - frame.axes.y[0]))}`;
    const text = `${said(frame, lane, x, y)} at (${place})`;
    if (part.tip.textContent !== text) part.tip.textContent = text;
    part.tip.hidden = false;
    const left = box.left + x * box.across;
    part.tip.style.left = x > 0.5 ? "auto" : `${left + 12}px`;
    part.tip.style.right = x > 0.5 ? `${box.width - left + 12}px` : "auto";
    part.tip.style.top = `${box.above + y * box.across + 12}px`;
  }

  function untip(part) {
    if (!part.at) return;
    part.at = null;
    part.tip.hidden = true;
    repaint(part);
  }

  function repaint(part) {
    if (part.asked) return;
    part.asked = true;
    requestAnimationFrame(() => {
      part.asked = false;
      paint(app.frame, part);
    });
  }

  // Numbers --------------------------------------------------------------------------------------

  function write(frame, part) {
    const lane = frame.lanes[part.n];
    const regression = frame.problem === "regression";
    const score = (x) => (regression ? number(x) : percent(x));
    const rows = lanes.length > 1
      ? [tested(frame) ? ["test loss", number(lane.loss.test)] : ["loss", number(lane.loss.train)], [regression ? "R²" : "accuracy", score(lane.score.test)]]
      : [["", "train", "test"], ["loss", number(lane.loss.train), number(lane.loss.test)],
        [regression ? "R²" : "accuracy", score(lane.score.train), score(lane.score.test)]];
    if (!part.list.children.length || part.cells.length !== rows.length) {
      part.list.replaceChildren();
      part.cells = rows.map((row) => row.map((_, n) => {
        const cell = h(n ? "dd" : "dt");
        part.list.append(cell);
        return cell;
      }));
      part.list.style.gridTemplateColumns = `1fr ${"auto ".repeat(rows[0].length - 1)}`;
    }
    rows.forEach((row, r) => row.forEach((text, n) => {
      if (part.cells[r][n].textContent !== text) part.cells[r][n].textContent = text;
    }));
    const stopped = lane.stopped ? `Stopped at step ${lane.stopped.step}` : "";
    if (part.stopped.textContent !== stopped) {
      part.stopped.textContent = stopped;
      part.stopped.hidden = !stopped;
    }
  }

  // With more than two features, a person chooses the two that the map shows.
  function chooseAxes(frame) {
    const now = frame.lanes[0].map && frame.features.length > 2 ? [frame.features, frame.axes.features].join() : "";
    if (axes.dataset.known === now) return;
    axes.dataset.known = now;
    axes.hidden = !now;
    const pair = frame.axes ? frame.axes.features : [];
    const choice = (name, n) => {
      const input = h("select", { onchange: () => {
        const next = pair.map((k, place) => (place === n ? Number(input.value) : k));
        app.act("view", { features: next });
      } }, frame.features.map((feature, k) => h("option", { value: String(k) }, feature)));
      input.value = String(pair[n]);
      return h("label", { class: "field" }, h("span", {}, name), input);
    };
    axes.replaceChildren(...(now ? [choice("Across", 0), choice("Up", 1)] : []));
  }

  function label(frame, part) {
    const lane = frame.lanes[part.n];
    const selected = frame.selected === part.n;
    part.name.textContent = lane.name;
    part.root.classList.toggle("selected", selected);
    part.head.setAttribute("aria-pressed", String(selected));
    const [a, b] = frame.axes ? frame.axes.features.map((k) => frame.features[k]) : ["", ""];
    part.canvas.setAttribute("aria-label", `${lane.name}: the decision over ${a} and ${b}. Loss ${number(lane.loss.train)} in training, `
      + `${number(lane.loss.test)} in testing. Arrow keys read the prediction at a point.`);
  }

  function legend(frame) {
    const entry = (...content) => h("span", {}, content);
    const ringed = h("span", {}, dot("ring"), "next batch");
    if (!frame.lanes[0].map) return keys.replaceChildren();
    const marks = frame.problem === "regression"
      ? [entry(tick(Number(bounds[0].toPrecision(2))), h("i", { class: "scale" }), tick(Number(bounds[1].toPrecision(2))))]
      : frame.classes.map((name, k) => h("span", { title: SHAPES[k % 5] }, markerSvg(k), name));
    const test = !size(lanes[0]).small && frame.points.test_labels.data.length ? entry(dot("open"), "test") : null;
    const note = frame.axes.note ? h("span", {}, frame.axes.note) : null;
    return keys.replaceChildren(...marks, ...[test, ringed, note].filter(Boolean));
  }

  function draw(frame) {
    if (!span || !frame.lanes) return;
    if (frame.full || !lanes.length) {
      const now = [frame.lanes.map((lane) => lane.name), span].join("|");
      if (now !== known) {
        known = now;
        build(frame);
      }
      dots = null;
      bounds = frame.problem === "regression" ? extent(frame.points) : bounds;
      legend(frame);
      chooseAxes(frame);
      const title = root.closest("section").querySelector("h2");
      title.textContent = !frame.lanes[0].map ? "Result" : frame.problem === "regression" ? "Predictions" : "Decisions";
      lanes.forEach((part) => label(frame, part));
    }
    lanes.forEach((part) => {
      paint(frame, part);
      write(frame, part);
      if (part.at) show(part);
    });
  }
  return { draw };
}

const tested = (frame) => frame.points ? frame.points.test_labels.data.length > 0 : frame.lanes[0].confusion !== null;

const flip = (n, wide, high) => (high - 1 - Math.floor(n / wide)) * wide + n % wide;

function said(frame, lane, x, y) {
  const one = lane.map.winner || lane.map.value;
  const [high, wide] = one.shape;
  const row = Math.min(high - 1, Math.floor((1 - y) * high));
  const n = Math.max(0, row) * wide + Math.min(wide - 1, Math.floor(x * wide));
  if (!lane.map.winner) return `predicts ${number(lane.map.value.data[n])}`;
  // The frame counts from equal probabilities (0) to certain (255).
  const least = 1 / frame.classes.length;
  return `${frame.classes[lane.map.winner.data[n]]}: ${percent(least + (1 - least) * lane.map.sure.data[n] / 255)}`;
}

function extent({ train_labels, test_labels }) {
  let low = Infinity, high = -Infinity;
  [train_labels, test_labels].forEach(({ data }) => data.forEach((value) => {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }));
  return low < 0 && high > 0 ? [-Math.max(-low, high), Math.max(-low, high)] : [low, high];
}

function dot(kind) {
  const canvas = h("canvas", { "aria-hidden": "true" });
  const context = sharpen(canvas, 14, 14);
  canvas.style.width = canvas.style.height = "14px";
  context.strokeStyle = look().text;
  context.lineWidth = 1.4;
  context.beginPath();
  context.arc(7, 7, kind === "ring" ? 6 : 3.4, 0, 2 * Math.PI);
  context.stroke();
  return canvas;
}

// Round numbers within a range, at most `most` of them.
function round([low, high], most) {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const ticks = [];
  for (let n = Math.ceil(low / step); n * step <= high + 1e-9 * step; n += 1) ticks.push(Number((n * step).toPrecision(6)));
  return ticks;
}

const tick = (x) => String(x).replace("-", "−");

function clip(text = "") {
  return text.length > 24 ? `${text.slice(0, 23)}…` : text;
}
