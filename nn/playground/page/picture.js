// The picture of the network on its canvas: lines as wide as weights and coloured by gradients, the
// units' maps, the biases. It knows neither pointer nor keyboard; where things are is in plan.js.
import { look } from "./look.js";
import { pixels, place, ramps, sharpen } from "./paint.js";
import { bend } from "./plan.js";

const WIDEST = 5.5; // pixels of the largest weight; less where there are many lines
const STRONGEST = 5;

export function makePicture(canvas) {
  let plan = null, lit = null, atlas = null, widest = 1, steepest = 0, seen = {};

  // Take a new plan: one picture holds the maps of all units, a row for each column.
  function plot(frame, next) {
    plan = next;
    const most = Math.max(...plan.columns.map((column) => column.units.length));
    const edge = Math.max(24, ...frame.network.layers.map((layer) => (layer.maps ? layer.maps.shape[1] : 0)));
    atlas = pixels(edge * most, edge * plan.columns.length);
    atlas.edge = edge;
    steepest = 0;
  }

  // `pointed` is the line or the unit that the pointer or the focus is at.
  function paint(frame, pointed) {
    lit = pointed;
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
  // sinks slowly while training goes on, so that colours do not flicker from batch to batch. At any
  // other step it starts anew: next to the gradients of a run that diverged, all others are grey.
  function measure(frame) {
    let weight = 1, gradient = 0;
    frame.network.layers.forEach((layer) => {
      if (layer.map_kind !== "weights") weight = Math.max(weight, largest(layer.weights.data));
      if (!layer.frozen) gradient = Math.max(gradient, largest(layer.gradients.data));
    });
    widest = weight;
    const { branch, step, selected } = frame;
    const goesOn = branch === seen.branch && selected === seen.selected && step >= seen.step;
    const before = goesOn && Number.isFinite(steepest) ? steepest : 0;
    steepest = Math.max(gradient, step > seen.step ? 0.93 * before : before);
    seen = { branch, step, selected };
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
    const thick = plan.lines.length > 300 ? 0.6 * WIDEST : WIDEST, thin = plan.lines.length > 300 ? 0.35 : 0.6;
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
        context.lineWidth = thin + thick * Math.min(1, (Math.abs(weight) || 0) / widest);
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
    else bar(context, layer, unit, left, top);
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

  // Without a plane there is no map: a bar is the range of the outputs over the training rows.
  function bar(context, layer, unit, left, top) {
    const { soft, high, low, line } = look();
    context.fillStyle = soft;
    context.fillRect(left, top, unit.size, unit.size);
    const most = layer.range.reduce((size, [a, b]) => Math.max(size, Math.abs(a) || 0, Math.abs(b) || 0), 1e-9);
    const down = layer.range.some(([a]) => a < 0);
    const zero = top + unit.size * (down ? 0.5 : 1), scale = unit.size * (down ? 0.46 : 0.9) / most;
    const [from, to] = layer.range[unit.n];
    context.fillStyle = high;
    context.fillRect(left + unit.size * 0.25, zero - Math.max(0, to) * scale, unit.size * 0.5, Math.max(0, to) * scale);
    context.fillStyle = low;
    context.fillRect(left + unit.size * 0.25, zero, unit.size * 0.5, Math.max(0, -from) * scale);
    context.fillStyle = line;
    if (down) context.fillRect(left, zero - 0.5, unit.size, 1);
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

  return { plot, paint };
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
