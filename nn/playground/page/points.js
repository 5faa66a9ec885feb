// A field to draw data points in, by pointer or by coordinates. Points go to Python when they can be
// trained on: at least two classes.
import { button, fit, show, write } from "./elements.js";
import { follow, h, look, marker, markerSvg } from "./look.js";

const CLASSES = 5;
const APART = 0.09; // between two points of a stroke
const PAUSE = 350; // milliseconds after the last point
const NAMES = ["class 0", "class 1", "class 2", "class 3", "class 4"];

export function makePoints(app) {
  let points = [],
    kind = 0,
    last = null,
    timer = 0,
    sent = "",
    busy = false;
  const { reach } = app.choices,
    limit = app.choices.limits.drawn;
  const canvas = h("canvas", { class: "field-of-points", role: "img", tabindex: "-1" });
  const kinds = h(
    "fieldset",
    { class: "point-kinds" },
    h("legend", { class: "unseen" }, "Class of new points"),
    NAMES.map((name, index) => {
      const input = h("input", {
        type: "radio",
        name: "class-of-points",
        value: index,
        class: "unseen",
        "aria-label": name,
        onchange: () => {
          kind = index;
        },
      });
      input.checked = index === 0;
      return h("label", { class: "chip", title: name }, input, markerSvg(index), String(index));
    }),
  );
  const coordinate = (name) =>
    h("input", {
      type: "text",
      inputmode: "decimal",
      autocomplete: "off",
      "aria-label": `${name} of a new point`,
      placeholder: name,
    });
  const xField = coordinate("x"),
    yField = coordinate("y");
  const form = h(
    "form",
    {
      class: "coordinates",
      onsubmit: (event) => {
        event.preventDefault();
        typed();
      },
    },
    xField,
    yField,
    h("button", { type: "submit", class: "button" }, "Add"),
  );
  const undo = button(
    "Undo",
    () => {
      points.pop();
      changed();
    },
    { image: "undo" },
  );
  const clear = button("Clear", () => {
    points = [];
    changed();
  });
  const copy = button("Start from the points of the map", () => {
    points = shown(app.frame);
    changed();
  });
  const cancel = button(
    "Cancel",
    () => {
      stop();
      document.dispatchEvent(new CustomEvent("draw-points", { detail: false }));
    },
    { class: "plain" },
  );
  const said = h("p", { class: "hint numbers", role: "status" });
  const root = h(
    "div",
    { class: "draw-points" },
    kinds,
    canvas,
    said,
    h("div", { class: "row" }, undo, clear, copy, cancel),
    h("details", { class: "more" }, h("summary", null, "Type coordinates"), form),
  );

  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height].map((share) =>
      Math.max(-reach, Math.min(reach, (2 * share - 1) * reach)),
    );
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = at(event);
    add(...last);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    const next = at(event);
    if (Math.hypot(next[0] - last[0], next[1] - last[1]) < APART) return;
    last = next;
    add(...next);
  });
  ["pointerup", "pointercancel"].forEach((name) =>
    canvas.addEventListener(name, () => {
      last = null;
    }),
  );
  follow(() => paint());
  new ResizeObserver(() => paint()).observe(canvas);

  function add(x, y) {
    if (points.length >= limit) {
      app.say(`There are ${limit} points, which is the most.`, "error");
      return;
    }
    points.push([Number(x.toFixed(3)), Number(y.toFixed(3)), kind]);
    changed();
  }

  function typed() {
    const [x, y] = [xField, yField].map((field) => Number(field.value.trim().replace(",", ".") || NaN));
    if (![x, y].every((value) => Math.abs(value) <= reach)) {
      app.say(
        `A point: found (${xField.value}, ${yField.value}), expected two numbers from -${reach} to ${reach}.`,
        "error",
      );
      return;
    }
    add(x, y);
    xField.value = "";
    yField.value = "";
    xField.focus();
  }

  function shown(frame) {
    const { train, train_labels: labels, test, test_labels: others } = frame.points;
    const read = (array, kinds_) =>
      Array.from(kinds_.data, (label, row) => [array.data[2 * row], array.data[2 * row + 1], label]);
    return [...read(train, labels), ...read(test, others)]
      .slice(0, limit)
      .map(([x, y, label]) => [Number(x.toFixed(3)), Number(y.toFixed(3)), Math.min(CLASSES - 1, label)]);
  }

  const counts = () => NAMES.map((_, index) => points.filter((point) => point[2] === index).length);

  function missing() {
    const found = counts(),
      used = found.filter((count) => count > 0).length;
    if (used < 2) return "Draw points of at least two classes.";
    // Classes are numbered from 0 without a gap.
    const gap = found.findIndex(
      (count, index) => count === 0 && found.slice(index).some((other) => other > 0),
    );
    if (gap >= 0) {
      return `Class ${gap} has no point; use the classes in order.`;
    }
    const poor = found.findIndex((count) => count === 1);
    return poor >= 0 ? `Class ${poor} needs a second point.` : "";
  }

  function changed() {
    paint();
    window.clearTimeout(timer);
    timer = window.setTimeout(send, PAUSE);
  }

  function stop() {
    window.clearTimeout(timer);
    timer = 0;
  }

  async function send() {
    timer = 0;
    const text = JSON.stringify(points);
    if (missing() || text === sent || busy) return;
    busy = true;
    sent = text;
    await app.act("points", { points });
    busy = false;
    if (JSON.stringify(points) !== text) changed();
  }

  function paint() {
    const side = canvas.clientWidth;
    const found = counts(),
      need = missing();
    undo.disabled = points.length === 0;
    clear.disabled = points.length === 0;
    const text = `${points.length} of at most ${limit} points`;
    write(said, need ? `${text}. ${need}` : `${text}.`);
    canvas.setAttribute(
      "aria-label",
      `Field with ${points.length} points: ${found.map((count, index) => `${count} of class ${index}`).join(", ")}`,
    );
    if (!side) return;
    const context = fit(canvas, side, side),
      colours = look();
    const place = (x, y) => [side / 2 + ((x / reach) * side) / 2, side / 2 - ((y / reach) * side) / 2];
    context.strokeStyle = colours.hair;
    context.lineWidth = 1;
    [-1, -0.5, 0, 0.5, 1].forEach((value) => {
      const [x, y] = place(value, value).map((one) => Math.round(one) + 0.5);
      context.globalAlpha = value === 0 ? 1 : 0.55;
      context.beginPath();
      context.moveTo(x, 0);
      context.lineTo(x, side);
      context.moveTo(0, y);
      context.lineTo(side, y);
      context.stroke();
    });
    context.globalAlpha = 1;
    context.strokeStyle = colours.card;
    points.forEach(([x, y, label]) => {
      context.fillStyle = colours.classes[label];
      context.beginPath();
      marker(context, label, ...place(x, y), 4);
      context.fill();
      context.stroke();
    });
  }

  return {
    root,
    // Begin with an empty field; the run goes on until the points can be trained on.
    open(frame) {
      points = frame.settings.data.drawn ?? [];
      sent = "";
    },
    draw(frame) {
      const { data } = frame.settings,
        drawn = data.name === "drawn";
      show(cancel, !drawn);
      show(
        copy,
        !drawn &&
          frame.problem === "classification" &&
          frame.features.length === 2 &&
          frame.classes.length <= CLASSES,
      );
      if (drawn && !busy && timer === 0 && last === null) {
        const text = JSON.stringify(data.drawn);
        if (text !== JSON.stringify(points) && text !== sent) points = data.drawn.map((point) => [...point]);
        sent = text;
      }
      if (frame.full || canvas.width === 0) paint();
    },
  };
}
