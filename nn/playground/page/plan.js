// Where the units and lines of the network are: geometry alone, worked out when the layers, the
// shown units or the width change. It draws nothing and reads no weights but to pick the largest.
const HEAD = 46;
const FOOT = 16;
const MOST_LINES = 600;

// Whether two frames have the same plan.
export function signature(frame, width) {
  const layers = frame.network.layers.map((layer) =>
    [layer.units, layer.first, layer.shown, layer.activation, layer.frozen, layer.map_kind].join());
  return [width, frame.network.inputs.length, frame.network.inputs[0].name, frame.features.length, frame.problem, (frame.classes || []).join("/"), ...layers].join("|");
}

// Columns of units: the inputs, then one for each layer.
export function makePlan(frame, room) {
  const { inputs, layers } = frame.network;
  const narrow = room < 560;
  const asImage = layers[0].map_kind === "weights";
  const counts = [asImage ? 1 : inputs.length, ...layers.map((layer) => layer.shown)];
  const rows = Math.max(...counts, 4);
  const tight = narrow || counts.length > 6;
  const long = Math.max(...inputs.map((input) => input.name.length)) > 4;
  const before = asImage ? (tight ? 48 : 84) : tight ? (long ? 76 : 50) : 92, after = tight ? 100 : Math.max(0, ...frame.classes.map((name) => name.length)) > 8 ? 128 : 108;
  const spacing = Math.max(narrow ? 81 : 68, (room - before - after) / (counts.length - 1));
  const width = Math.max(room, Math.ceil(before + after + spacing * (counts.length - 1)));
  // On a high window, such as that of a projector, units are larger.
  const high = Math.max(440, Math.min(680, window.innerHeight - 460));
  const pitch = narrow ? 50 : Math.max(31, Math.min(high / 8 + 1, high / rows, spacing * 0.62));
  const size = narrow ? 40 : Math.round(pitch * 0.8);
  const paged = layers.some((layer) => layer.units > layer.shown) || (!asImage && frame.features.length > inputs.length);
  const stacked = narrow || spacing < 125;
  const body = Math.max(rows * pitch, asImage ? 150 : 0);
  const columns = counts.map((count, c) => {
    const layer = c ? layers[c - 1] : null;
    const x = before + spacing * c;
    const big = asImage && c === 0 ? Math.min(110, spacing * 0.7) : size;
    const top = HEAD + (body - count * pitch) / 2 + pitch / 2;
    const units = Array.from({ length: count }, (_, n) => ({ column: c, n, x, y: top + n * pitch, size: big }));
    return { c, x, layer, units, image: asImage && c === 0, last: c === layers.length };
  });
  const lines = makeLines(frame, columns);
  return { width, height: HEAD + body + (paged ? (stacked ? 70 : 44) : FOOT), head: HEAD, size, columns, narrow, paged, stacked,
    tight, below: HEAD + body + 4, ...lines };
}

function makeLines(frame, columns) {
  const all = [];
  columns.slice(1).forEach((column, l) => {
    const from = columns[l];
    if (from.image) return;
    from.units.forEach((a, i) => column.units.forEach((b, j) => {
      all.push({ layer: l, i, j, at: i * column.units.length + j,
        x0: a.x + a.size / 2, y0: a.y, x1: b.x - b.size / 2, y1: b.y });
    }));
  });
  return { lines: pick(all, frame), total: all.length };
}

// With very many lines, only the largest weights are drawn.
function pick(all, frame) {
  if (all.length <= MOST_LINES) return all;
  const size = (line) => Math.abs(frame.network.layers[line.layer].weights.data[line.at]) || 0;
  return all.map((line) => [size(line), line]).sort((a, b) => b[0] - a[0]).slice(0, MOST_LINES).map((pair) => pair[1]);
}

// How far down a line is at a share t of its way across, from 0 to 1.
export const bend = (t) => t * t * (3 - 2 * t);

// The line nearest to a point, at most `reach` pixels above or below it.
export function nearest(plan, x, y, reach = 7) {
  let best = null, least = reach;
  for (const line of plan.lines) {
    if (x < line.x0 || x > line.x1) continue;
    const t = share(x, line);
    const off = Math.abs(line.y0 + (line.y1 - line.y0) * bend(t) - y);
    if (off < least) {
      least = off;
      best = line;
    }
  }
  return best;
}

// The curve runs across as 1.5t(1-t) + t cubed; invert it by halving.
function share(x, line) {
  const want = (x - line.x0) / (line.x1 - line.x0);
  let low = 0, high = 1;
  for (let n = 0; n < 14; n += 1) {
    const t = (low + high) / 2;
    if (1.5 * t - 1.5 * t * t + t * t * t < want) low = t;
    else high = t;
  }
  return (low + high) / 2;
}

export function nameOfLine(frame, line, joiner = "to") {
  const layer = frame.network.layers[line.layer];
  return `${nameOfUnit(frame, line.layer, line.i)} ${joiner} ${nameOfUnit(frame, line.layer + 1, line.j)}`
    + (line.layer + 1 === frame.network.layers.length ? "" : ` of layer ${layer.number}`);
}

// The number of the first unit of a column that is shown.
export function firstOf(frame, column) {
  if (column) return frame.network.layers[column - 1].first || 0;
  return Math.max(0, frame.features.indexOf(frame.network.inputs[0].name));
}

// Unit n that is shown in a column; column 0 are the inputs.
export function nameOfUnit(frame, column, n, long = false) {
  const { inputs, layers } = frame.network;
  if (column === 0) return inputs[n] ? inputs[n].name : `input ${n + 1}`;
  const unit = firstOf(frame, column) + n;
  if (column === layers.length) {
    if (frame.problem === "regression") return "prediction";
    return frame.classes[unit] ?? `output ${unit + 1}`;
  }
  return long ? `unit ${unit + 1} of layer ${column}` : `unit ${unit + 1}`;
}
