// A field of ink, and the 8x8 pixels of a digit from it: cropped, scaled and centred as
// nn/data/drawing.py prepares a picture, with the filters of Pillow. It knows nothing of a page.

export const INK_SIDE = 112; // below 128, where nn/data/drawing.py would look for specks of dust
export const DIGIT_SIDE = 8;
const EDGE = 0.15; // of the strongest ink: where a stroke ends

/** Return a field without ink, INK_SIDE squared values from 0 to 255. */
export function blank() {
  return new Uint8Array(INK_SIDE * INK_SIDE);
}

/** Draw a line with round ends into a field; x and y from 0 to INK_SIDE. */
export function stroke(ink, x0, y0, x1, y1, radius) {
  const dx = x1 - x0, dy = y1 - y0, square = dx * dx + dy * dy;
  const low = (value) => Math.max(0, Math.floor(value - radius - 1));
  const high = (value) => Math.min(INK_SIDE - 1, Math.ceil(value + radius + 1));
  for (let row = low(Math.min(y0, y1)); row <= high(Math.max(y0, y1)); row += 1) {
    for (let column = low(Math.min(x0, x1)); column <= high(Math.max(x0, x1)); column += 1) {
      const x = column + 0.5 - x0, y = row + 0.5 - y0;
      const along = square ? Math.min(1, Math.max(0, (x * dx + y * dy) / square)) : 0;
      const distance = Math.hypot(x - along * dx, y - along * dy);
      const value = Math.round(255 * Math.min(1, Math.max(0, radius + 0.5 - distance)));
      const place = row * INK_SIDE + column;
      if (value > ink[place]) { ink[place] = value; }
    }
  }
}

/** Return the digit in a field as 64 pixels from 0 to 1, or null if there is no ink. */
export function digitOf(ink) {
  const strongest = ink.reduce((most, value) => Math.max(most, value), 0);
  if (strongest === 0) { return null; }
  const share = Float64Array.from(ink, (value) => value / strongest);
  const crop = bounds(share);
  const height = crop.bottom - crop.top, width = crop.right - crop.left;
  const scale = DIGIT_SIDE / Math.max(height, width);
  const rows = Math.max(1, even(height * scale)), columns = Math.max(1, even(width * scale));
  const filter = scale < 0.5 ? box : triangle;
  let image = cut(share, crop).map(Math.fround);
  image = resized(image, height, width, columns, filter);
  image = turned(resized(turned(image, height, columns), columns, height, rows, filter), columns,
    rows);
  const brightest = image.reduce((most, value) => Math.max(most, value), 0);
  image = image.map((value) => Math.min(1, Math.max(0, value / brightest)));
  return placed(image, rows, columns);
}

function bounds(share) {
  const found = { top: INK_SIDE, bottom: 0, left: INK_SIDE, right: 0 };
  share.forEach((value, place) => {
    if (value <= EDGE) { return; }
    const row = Math.floor(place / INK_SIDE), column = place % INK_SIDE;
    found.top = Math.min(found.top, row);
    found.bottom = Math.max(found.bottom, row + 1);
    found.left = Math.min(found.left, column);
    found.right = Math.max(found.right, column + 1);
  });
  return found;
}

function cut(share, { top, bottom, left, right }) {
  const width = right - left;
  return Float64Array.from({ length: (bottom - top) * width }, (_, place) =>
    share[(top + Math.floor(place / width)) * INK_SIDE + left + place % width]);
}

// Python rounds halves to the even number.
function even(value) {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + below % 2 : Math.round(value);
}

const box = { reach: 0.5, at: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) };
const triangle = { reach: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) };

// Each row gets another length; a filter that shrinks covers all pixels of the original.
function resized(image, height, width, length, filter) {
  if (length === width) { return image; }
  const scale = width / length, spread = Math.max(scale, 1), reach = filter.reach * spread;
  const result = new Float64Array(height * length);
  for (let column = 0; column < length; column += 1) {
    const centre = (column + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach + 0.5));
    const last = Math.min(width, Math.trunc(centre + reach + 0.5));
    const weights = Array.from({ length: last - first }, (_, i) =>
      filter.at((i + first - centre + 0.5) / spread));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (let row = 0; row < height; row += 1) {
      let sum = 0;
      weights.forEach((weight, i) => { sum += image[row * width + first + i] * weight / total; });
      result[row * length + column] = Math.fround(sum);
    }
  }
  return result;
}

function turned(image, height, width) {
  return Float64Array.from({ length: height * width }, (_, place) =>
    image[(place % height) * width + Math.floor(place / height)]);
}

// The centre of mass comes to the middle, and nothing is cut off.
function placed(image, rows, columns) {
  const across = new Float64Array(columns), down = new Float64Array(rows);
  image.forEach((value, place) => {
    across[place % columns] += value;
    down[Math.floor(place / columns)] += value;
  });
  const top = start(down), left = start(across);
  const result = new Float64Array(DIGIT_SIDE * DIGIT_SIDE);
  image.forEach((value, place) => {
    const row = top + Math.floor(place / columns), column = left + place % columns;
    result[row * DIGIT_SIDE + column] = value;
  });
  return result;
}

function start(profile) {
  let mass = 0, moment = 0;
  profile.forEach((value, place) => { mass += value; moment += value * (place + 0.5); });
  return Math.min(Math.max(even(DIGIT_SIDE / 2 - moment / mass), 0), DIGIT_SIDE - profile.length);
}
