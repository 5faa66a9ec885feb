// Draws one chart with its axes into a canvas. Which lines it gets, and their ranges, is decided in
// charts.js.
import { fit } from "./elements.js";
import { look } from "./look.js";

const LEFT = 46,
  RIGHT = 10,
  TOP = 8,
  BOTTOM = 22;
export const LEAST = 1e-7; // what a logarithmic axis shows of zero

// Round numbers between two ends, about `count` of them.
function ticks(low, high, count = 4) {
  const raw = (high - low) / count || 1,
    size = 10 ** Math.floor(Math.log10(raw));
  const unit = [1, 2, 5, 10].find((one) => one * size >= raw) * size;
  const found = [];
  for (let at = Math.ceil(low / unit) * unit; at <= high + unit * 1e-9; at += unit) {
    found.push(Math.abs(at) < unit / 1e6 ? 0 : at);
  }
  return found;
}

function decades(low, high) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
    [1, 3].forEach((one) => {
      const at = one * 10 ** power;
      if (at >= low && at <= high) {
        found.push(at);
      }
    });
  }
  return found.length > 6 ? found.filter((at) => Math.abs(Math.log10(at) % 1) < 1e-6) : found;
}

export const label = (value) =>
  value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e4)
    ? value.toExponential(0).replace("e-", "e−").replace("e+", "e")
    : String(Number(value.toPrecision(3))).replace("-", "−");

// Asking for a size in each frame would make the browser lay out the page twice.
const boxes = new WeakMap();
const resized = new ResizeObserver((entries) => entries.forEach(({ target }) => measure(target)));

function measure(canvas) {
  const font = `11px ${getComputedStyle(canvas).fontFamily}`;
  boxes.set(canvas, { width: canvas.clientWidth, height: canvas.clientHeight, font });
}

function boxOf(canvas) {
  if (!boxes.has(canvas)) {
    measure(canvas);
    resized.observe(canvas);
  }
  return boxes.get(canvas);
}

// One chart in a canvas. `lines`: [{steps, values, colour, dash, width, alpha}], drawn in that order.
export function paint(canvas, lines, { most, log, low, high, marks, now, format }) {
  const { width, height, font } = boxOf(canvas);
  if (width === 0) return null;
  const context = fit(canvas, width, height),
    colours = look();
  const scale = log ? (value) => Math.log10(Math.max(LEAST, value)) : (value) => value;
  const bottom = scale(low),
    top = scale(high);
  const x = (step) => LEFT + ((width - LEFT - RIGHT) * step) / most;
  const y = (value) => TOP + (height - TOP - BOTTOM) * (1 - (scale(value) - bottom) / (top - bottom));
  context.font = font;
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
  ticks(0, most, Math.max(3, Math.floor(width / 110)))
    .filter(Number.isInteger)
    .forEach((step) => {
      context.textAlign = x(step) > width - 30 ? "right" : "center";
      context.fillText(step.toLocaleString("en"), x(step), height - BOTTOM + 6);
    });
  marks.forEach((step) => rule(context, x(step), height, colours.line, [2, 3]));
  if (now < most || marks.length) rule(context, x(now), height, colours.text, []);
  context.save();
  context.beginPath();
  context.rect(LEFT - 2, 0, width - LEFT - RIGHT + 6, height - BOTTOM + 2);
  context.clip();
  lines.forEach((line) => stroke(context, line, x, y));
  context.restore();
  context.setLineDash([]);
  context.globalAlpha = 1;
  return {
    stepAt: (place) =>
      Math.max(0, Math.min(most, Math.round(((place - LEFT) / (width - LEFT - RIGHT)) * most))),
  };
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

export function stroke(context, { steps, values, colour, dash, width, alpha = 1 }, x, y) {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.setLineDash(dash);
  context.globalAlpha = alpha;
  context.lineJoin = "round";
  context.beginPath();
  let pen = false;
  steps.forEach((step, place) => {
    const value = values?.[place];
    if (value === null || value === undefined || !Number.isFinite(value)) {
      pen = false;
      return;
    }
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
