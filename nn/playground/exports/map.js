// Two features: a map of the answers with a point that a person moves.

// A class has a shape as well as a colour, as in the playground.
const MARKS = ["M0,-1.3A1.3,1.3 0 1 1 0,1.3A1.3,1.3 0 1 1 0,-1.3Z", "M0,-1.5L1.4,1.1H-1.4Z",
  "M-1.2,-1.2H1.2V1.2H-1.2Z", "M0,-1.7L1.5,0L0,1.7L-1.5,0Z",
  "M-.5,-1.5H.5V-.5H1.5V.5H.5V1.5H-.5V.5H-1.5V-.5H-.5Z"];
const MOST_PRODUCTS = 2e8; // a larger map would be late

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const channels = (name) => [1, 3, 5].map((at) => parseInt(
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim().slice(at, at + 2), 16));
const mixed = (from, to, share) => from.map((value, i) => value + (to[i] - value) * share);

function drawing(kind, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", kind);
  Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
  return made;
}

function map() {
  const [across, up] = model.axes;
  const row = model.features.map((feature) => feature.start);
  const put = makeNumbers(get("coordinates"), row, (typed) => changed(typed));
  const marks = get("marks"), board = get("map");
  const place = (value, axis) => 100 * (value - axis.low) / (axis.high - axis.low);

  const side = 2 * Math.round(Math.min(100, Math.sqrt(MOST_PRODUCTS
    / layers.reduce((sum, layer) => sum + layer.weight.length, 1))) / 2) || 2;
  const answers = Array.from({ length: side * side }, (_, n) => predict([
    across.low + (across.high - across.low) * (n % side + 0.5) / side,
    up.high - (up.high - up.low) * (Math.floor(n / side) + 0.5) / side]));

  const CLASSES = model.classes.map((_, i) => `class-${i % 10}`);
  let inks = {};
  const readInks = () => {
    inks = Object.fromEntries(["page", "low", "mid", "high", ...CLASSES].map((name) =>
      [name, channels(name)]));
  };

  function colour(answer) {
    if (isRegression) {
      const { low, high } = model.target;
      const share = Math.min(1, Math.max(0, (answer[0] - low) / (high - low || 1)));
      return share < 0.5 ? mixed(inks.low, inks.mid, 2 * share)
        : mixed(inks.mid, inks.high, 2 * share - 1);
    }
    const most = Math.max(...answer), least = 1 / answer.length;
    return mixed(inks.page, inks[CLASSES[answer.indexOf(most)]],
      0.12 + 0.48 * (most - least) / (1 - least));
  }

  function paint(canvas, columns, rows, at) {
    canvas.width = columns;
    canvas.height = rows;
    const pen = canvas.getContext("2d"), image = pen.createImageData(columns, rows);
    for (let n = 0; n < columns * rows; n += 1) {
      image.data.set([...colour(at(n)), 255], 4 * n);
    }
    pen.putImageData(image, 0, 0);
  }

  function points() {
    marks.replaceChildren();
    model.points.forEach(([x, y, label]) => {
      const attributes = {
        class: isRegression ? "dot" : `dot class-${label % 10}`, d: MARKS[isRegression ? 0 : label % 5],
        transform: `translate(${place(x, across)} ${100 - place(y, up)}) scale(.8)`,
      };
      const mark = drawing("path", attributes);
      if (isRegression) { mark.style.fill = `rgb(${colour([label]).map(Math.round)})`; }
      marks.append(mark);
    });
  }

  function legend() {
    const root = get("legend");
    root.replaceChildren();
    if (isRegression) {
      const ramp = element("canvas", "ramp"), { low, high, name } = model.target;
      paint(ramp, 64, 1, (n) => [low + (high - low) * n / 63]);
      const line = element("span");
      line.append(`${name} ${short(low, model.target)}`, ramp, short(high, model.target));
      root.append(line);
      return;
    }
    model.classes.forEach((name, i) => {
      const line = element("span", `class-${i % 10}`);
      const mark = drawing("svg", { viewBox: "-2 -2 4 4", "aria-hidden": "true" });
      mark.append(drawing("path", { d: MARKS[i % 5], class: "dot" }));
      line.append(mark, element("span", "", name));
      root.append(line);
    });
  }

  const here = ["here ring", "here"].map((name) => drawing("circle", { class: name, r: "2.4" }));
  function changed(typed) {
    put(typed);
    here.forEach((ring) => {
      ring.setAttribute("cx", String(place(row[0], across)));
      ring.setAttribute("cy", String(100 - place(row[1], up)));
    });
    showRow(row);
  }

  function moved(event) {
    const frame = board.getBoundingClientRect();
    const share = (value) => Math.min(1, Math.max(0, value));
    row[0] = across.low + (across.high - across.low) * share((event.clientX - frame.left) / frame.width);
    row[1] = up.high - (up.high - up.low) * share((event.clientY - frame.top) / frame.height);
    changed();
  }

  [["across", across], ["up", up]].forEach(([name, axis], i) => {
    get(`${name}-name`).textContent = i ? `↑ ${axis.name}` : `${axis.name} →`;
    get(`${name}-low`).textContent = short(axis.low, axis);
    get(`${name}-high`).textContent = short(axis.high, axis);
  });
  const repaint = () => {
    readInks();
    paint(get("answers"), side, side, (n) => answers[n]);
    points();
    marks.append(...here);
    legend();
  };
  repaint();
  dark.addEventListener("change", repaint);
  board.addEventListener("pointerdown", (event) => {
    board.setPointerCapture(event.pointerId);
    moved(event);
  });
  board.addEventListener("pointermove", (event) => { if (event.buttons) { moved(event); } });
  board.addEventListener("keydown", (event) => {
    const way = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!way) { return; }
    event.preventDefault();
    const size = event.shiftKey ? 0.1 : 0.02;
    [across, up].forEach((axis, i) => {
      const next = row[i] + way[i] * size * (axis.high - axis.low);
      row[i] = Math.min(axis.high, Math.max(axis.low, next));
    });
    changed();
  });
  changed();
}
