// Colours, numbers as text, class markers and the making of elements: what all views share. The
// colours themselves are in style.css, once for light and once for dark.
const NAMES = ["page", "card", "soft", "text", "muted", "line", "hair", "accent", "low", "mid", "high",
  "up", "down", "neutral", "bad"];
const SVG = "http://www.w3.org/2000/svg";
const DIRECT = ["value", "checked", "disabled", "hidden"]; // properties, not attributes
const DARK = window.matchMedia("(prefers-color-scheme: dark)");
const FORCED = window.matchMedia("(forced-colors: active)");
let cached = null;

// The colours of now, as #rrggbb.
export function look() {
  if (cached) return cached;
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(`--${name}`).trim();
  cached = { dark: DARK.matches };
  NAMES.forEach((name) => { cached[name] = read(name); });
  cached.classes = Array.from({ length: 10 }, (_, k) => read(`class-${k}`));
  cached.lanes = Array.from({ length: 4 }, (_, k) => read(`lane-${k}`));
  return cached;
}

// Call back when the theme changes.
export function follow(changed) {
  [DARK, FORCED].forEach((query) => query.addEventListener("change", () => {
    cached = null;
    changed();
  }));
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (DIRECT.includes(name)) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// Make an element: h("button", { class: "button", onclick: play }, "Play").
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

// Three significant digits, with a real minus sign.
export function number(x) {
  if (x === null || x === undefined || !Number.isFinite(x)) return "not finite";
  if (x === 0) return "0";
  const size = Math.abs(x);
  let text;
  if (size >= 1e5 || size < 1e-4) text = size.toExponential(1).replace("e+", "e").replace("e-", "e−");
  else if (size >= 100) text = size.toFixed(0);
  else text = size.toFixed(Math.min(6, Math.max(0, 2 - Math.floor(Math.log10(size)))));
  return x < 0 ? `−${text}` : text;
}

export function signed(x) {
  const text = number(x);
  return Number.isFinite(x) && x > 0 ? `+${text}` : text;
}

export function percent(x) {
  if (x === null || x === undefined || !Number.isFinite(x)) return "–";
  const whole = 100 * x;
  return `${whole > 99 && whole < 100 ? whole.toFixed(1) : whole.toFixed(0)} %`;
}

// Class k has a shape as well as a colour: circle, triangle, square, diamond, cross, then again.
const CORNERS = [
  null,
  [[0, -1.25], [1.15, 0.85], [-1.15, 0.85]],
  [[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]],
  [[0, -1.3], [1.05, 0], [0, 1.3], [-1.05, 0]],
  [[-1.2, -0.42], [-0.42, -0.42], [-0.42, -1.2], [0.42, -1.2], [0.42, -0.42], [1.2, -0.42],
    [1.2, 0.42], [0.42, 0.42], [0.42, 1.2], [-0.42, 1.2], [-0.42, 0.42], [-1.2, 0.42]],
];
export const SHAPES = ["circle", "triangle", "square", "diamond", "cross"];

// Add the outline of a marker to the path of a canvas.
export function marker(context, kind, x, y, size) {
  const corners = CORNERS[kind % CORNERS.length];
  if (!corners) {
    context.moveTo(x + size, y);
    context.arc(x, y, size, 0, 2 * Math.PI);
    return;
  }
  corners.forEach(([dx, dy], n) => context[n ? "lineTo" : "moveTo"](x + size * dx, y + size * dy));
  context.closePath();
}

// The same marker as a small picture within a line of text.
export function markerSvg(kind, size = 14) {
  const corners = CORNERS[kind % CORNERS.length];
  const shape = corners
    ? svg("polygon", { points: corners.map(([x, y]) => `${8 + 5 * x},${8 + 5 * y}`).join(" ") })
    : svg("circle", { cx: 8, cy: 8, r: 5 });
  shape.setAttribute("fill", `var(--class-${kind % 10})`);
  return svg("svg", { class: "marker", width: size, height: size, viewBox: "0 0 16 16", "aria-hidden": "true" }, shape);
}
