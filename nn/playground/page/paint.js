// Colour ramps and pixels: arrays of the frame become pictures. It knows no layout.
import { look } from "./look.js";

const LEVELS = 12;
let source = null, made = {};

function rgb(text) {
  const hex = text.replace("#", "");
  return [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

function mix(a, b, t) {
  return a.map((x, n) => Math.round(x + (b[n] - x) * t));
}

const pack = ([r, g, b]) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
const css = ([r, g, b]) => `rgb(${r} ${g} ${b})`;

// The ramps of the theme of now: 256 packed colours each.
export function ramps() {
  const colours = look();
  if (source === colours) return made;
  source = colours;
  const [low, mid, high] = ["low", "mid", "high"].map((name) => rgb(colours[name]));
  const value = new Uint32Array(256);
  for (let n = 0; n < 256; n += 1) {
    const t = (n - 128) / (n < 128 ? 128 : 127);
    value[n] = pack(t < 0 ? mix(mid, low, -t) : mix(mid, high, t));
  }
  const card = rgb(colours.card);
  const classes = colours.classes.map((colour) => {
    const ramp = new Uint32Array(256), full = rgb(colour);
    for (let n = 0; n < 256; n += 1) ramp[n] = pack(mix(mid, full, 0.08 + 0.62 * (n / 255)));
    return ramp;
  });
  const neutral = rgb(colours.neutral);
  const pushes = ["up", "down"].map((name) => Array.from({ length: LEVELS + 1 },
    (_, n) => css(mix(neutral, rgb(colours[name]), n / LEVELS))));
  made = { value, classes, up: pushes[0], down: pushes[1], levels: LEVELS, blank: pack(card) };
  return made;
}

// A colour of the value ramp as CSS, for t from -1 to 1.
export function valueColour(t) {
  const packed = ramps().value[Math.max(0, Math.min(255, Math.round(128 + 127 * (Number.isFinite(t) ? t : 0))))];
  return css([packed & 255, (packed >> 8) & 255, (packed >> 16) & 255]);
}

// A canvas to hold pixels, with its pixels as 32-bit numbers.
export function pixels(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  return { canvas, width, height, data: new Uint32Array(image.data.buffer), put: () => context.putImageData(image, 0, 0) };
}

// Copy one map of bytes (128 is zero) into a larger picture. The first row of a map over the plane
// is the lowest one; that of an image is the uppermost.
export function place(target, left, top, bytes, offset, width, height, upward) {
  const ramp = ramps().value;
  for (let y = 0; y < height; y += 1) {
    let to = (top + (upward ? height - 1 - y : y)) * target.width + left, from = offset + y * width;
    for (let x = 0; x < width; x += 1, to += 1, from += 1) target.data[to] = ramp[bytes[from]];
  }
}

// Make a canvas as sharp as the screen; returns its context, in CSS pixels.
export function sharpen(canvas, width, height) {
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  const across = Math.round(width * ratio), down = Math.round(height * ratio);
  if (canvas.width !== across || canvas.height !== down) {
    canvas.width = across;
    canvas.height = down;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}
