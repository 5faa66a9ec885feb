// Small pictures of the kinds of data, for the choice of one. They are sketches: the points that are
// trained on are made in Python.
import { look, marker } from "./look.js";
import { fit } from "./elements.js";

const SIDE = 44;
const around = (count, radius, turn = 0) =>
  Array.from({ length: count }, (_, n) => {
    const angle = turn + (2 * Math.PI * n) / count;
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  });

function spiral(arm) {
  return Array.from({ length: 13 }, (_, n) => {
    const share = (n + 1) / 13,
      angle = 5.2 * share + Math.PI * arm;
    return [share * Math.cos(angle), share * Math.sin(angle)];
  });
}

const grid = Array.from({ length: 36 }, (_, n) => [-0.85 + 0.34 * (n % 6), -0.85 + 0.34 * Math.floor(n / 6)]);
const cloud = (x, y) => [...around(6, 0.3, 0.4), ...around(3, 0.13)].map(([dx, dy]) => [x + dx, y + dy]);

// Points of each class, y upwards.
const SKETCHES = {
  circles: () => [around(7, 0.32), around(16, 0.85)],
  spirals: () => [spiral(0), spiral(1)],
  xor: () => [
    [...cloud(-0.5, -0.5), ...cloud(0.5, 0.5)],
    [...cloud(-0.5, 0.5), ...cloud(0.5, -0.5)],
  ],
  moons: () =>
    [0, 1].map((side) =>
      Array.from({ length: 11 }, (_, n) => {
        const angle = (Math.PI * n) / 10,
          sign = side ? -1 : 1;
        return [sign * (0.62 * Math.cos(angle) - 0.28), sign * (0.7 * Math.sin(angle) - 0.25)];
      }),
    ),
  blobs: () => [cloud(-0.5, 0.45), cloud(0.5, 0.4), cloud(0, -0.5)],
};

const SURFACES = {
  plane: (x, y) => (x + y) / 1.7,
  hills: (x, y) =>
    Math.exp(-4 * ((x + 0.45) ** 2 + (y - 0.4) ** 2)) - Math.exp(-4 * ((x - 0.45) ** 2 + (y + 0.4) ** 2)),
};

// An 8x8 three, as in the data of the digits: one letter for each grey level.
const THREE = [
  "..4994..",
  ".59..85.",
  ".....94.",
  "...698..",
  "....5994",
  "......95",
  ".3...795",
  "..59984.",
];

export function sketch(canvas, name) {
  const context = fit(canvas, SIDE, SIDE),
    colours = look();
  const at = ([x, y]) => [SIDE / 2 + 19 * x, SIDE / 2 - 19 * y];
  (SKETCHES[name]?.() ?? []).forEach((points, kind) => {
    context.fillStyle = colours.classes[kind];
    context.beginPath();
    points.forEach((point) => marker(context, kind, ...at(point), 1.9));
    context.fill();
  });
  if (SURFACES[name]) {
    grid.forEach((point) => {
      const value = SURFACES[name](...point),
        [x, y] = at(point);
      context.globalAlpha = 0.15 + 0.85 * Math.min(1, Math.abs(value));
      context.fillStyle = value > 0 ? colours.high : colours.low;
      context.beginPath();
      context.arc(x, y, 2.4, 0, 2 * Math.PI);
      context.fill();
    });
    context.globalAlpha = 1;
  }
  if (name === "digits") {
    context.fillStyle = colours.text;
    THREE.forEach((row, y) =>
      [...row].forEach((letter, x) => {
        context.globalAlpha = letter === "." ? 0.06 : Number(letter) / 9;
        context.fillRect(4 + 4.5 * x, 4 + 4.5 * y, 4.2, 4.2);
      }),
    );
    context.globalAlpha = 1;
  }
  if (name === "drawn") pencil(context, colours);
  if (name === "csv") sheet(context, colours);
}

function pencil(context, colours) {
  [
    [-0.6, 0.5, 0],
    [-0.2, 0.65, 0],
    [-0.55, 0.05, 0],
    [0.25, -0.62, 1],
    [-0.2, -0.6, 1],
  ].forEach(([x, y, kind]) => {
    context.fillStyle = colours.classes[kind];
    context.beginPath();
    marker(context, kind, SIDE / 2 + 19 * x, SIDE / 2 - 19 * y, 2.4);
    context.fill();
  });
  context.strokeStyle = colours.text;
  context.lineWidth = 1.4;
  context.lineJoin = "round";
  context.beginPath();
  [
    [22, 27],
    [23.5, 22],
    [35, 10.5],
    [38.5, 14],
    [27, 25.5],
  ].forEach(([x, y], n) => context[n ? "lineTo" : "moveTo"](x, y));
  context.closePath();
  context.stroke();
}

function sheet(context, colours) {
  context.fillStyle = colours.accent;
  context.fillRect(6, 9, 32, 6);
  context.strokeStyle = colours.line;
  context.lineWidth = 1;
  for (let row = 0; row <= 4; row += 1) {
    context.strokeRect(6.5, 9.5 + 6.5 * row, 31, row < 4 ? 6.5 : 0);
  }
  context.strokeRect(16.5, 9.5, 10.5, 26);
}
