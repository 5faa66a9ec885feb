// What is trained: data here, layers and optimizers in files of their own. Each control sends a
// change; the frame that answers shows what holds. Other data start a new run.
import { change, slider } from "./changes.js";
import { button, show, write } from "./elements.js";
import { follow, h } from "./look.js";
import { makeTable } from "./tables.js";
import { sketch } from "./thumbnails.js";

export { makeModel } from "./layers.js";
export { makeOptimizers } from "./optimizers.js";

const asShare = (value) => `${Math.round(100 * value)} %`;

export function makeData(root, app) {
  const kinds = app.choices.data;
  const send = (values) => change(app, { data: { ...app.frame.settings.data, ...values } });
  const radios = new Map(),
    sketches = [];
  const choose = h(
    "fieldset",
    { class: "kinds" },
    h("legend", { class: "unseen" }, "Kind of data"),
    kinds.map((kind) => {
      const canvas = h("canvas", { class: "sketch", "aria-hidden": "true" });
      const input = h("input", {
        type: "radio",
        name: "kind-of-data",
        value: kind.name,
        class: "unseen",
        onchange: () => pick(kind),
      });
      radios.set(kind.name, input);
      sketches.push(() => sketch(canvas, kind.name));
      return h("label", { class: "kind", title: kind.title }, input, canvas, h("span", null, kind.title));
    }),
  );
  const paint = () => sketches.forEach((one) => one());
  paint();
  follow(paint);

  const points = slider("Points", { least: 20, most: 2000, step: 10, format: String }, (value) =>
    send({ points: value }),
  );
  const noise = slider(
    "Noise",
    { least: 0, most: 0.5, step: 0.01, format: (value) => value.toFixed(2) },
    (value) => send({ noise: value }),
  );
  const test = slider("Test rows", { least: 0, most: 0.9, step: 0.05, format: asShare }, (value) =>
    send({ test: value }),
  );
  const classes = h(
    "fieldset",
    { class: "field classes" },
    h("legend", null, "Classes"),
    h(
      "span",
      { class: "joined" },
      [2, 3, 4, 5].map((count) =>
        button(String(count), () => send({ classes: count }), {
          "data-count": count,
          "aria-pressed": "false",
          "aria-label": `${count} classes`,
        }),
      ),
    ),
  );
  const table = makeTable(app, () => open("csv"));
  const hint = h("p", { class: "hint" });
  root.append(
    choose,
    h("div", { class: "fields" }, classes, noise.row, points.row, test.row),
    table.root,
    hint,
  );

  function pick(kind) {
    // Drawn points and a table have to be given first.
    if (kind.name === "csv" && !table.ready()) {
      open("csv");
      table.ask();
      return;
    }
    if (kind.name === "drawn") {
      open("drawn");
      document.dispatchEvent(new CustomEvent("draw-points", { detail: true }));
      return;
    }
    if (asked === "drawn") {
      document.dispatchEvent(new CustomEvent("draw-points", { detail: false }));
    }
    open(null);
    if (kind.name === "csv") {
      table.use();
      return;
    }
    change(app, {
      data: {
        name: kind.name,
        ...(kind.fields?.includes("test") ? { test: app.frame.settings.data.test } : {}),
      },
    });
  }

  // A kind that is chosen but has no data yet; until then the old run stays.
  let asked = null;
  function open(name) {
    asked = name;
    draw(app.frame);
  }

  function draw(frame) {
    const { data } = frame.settings;
    if (asked !== null && data.name === asked) asked = null;
    const name = asked ?? data.name,
      kind = kinds.find((one) => one.name === data.name);
    radios.forEach((input, key) => {
      if (input.checked !== (key === name)) {
        input.checked = key === name;
      }
    });
    const made = asked === null;
    const [fewest, most] = kind.points;
    show(points.row, made && data.points !== undefined && most > fewest);
    if (data.points !== undefined) {
      // Set anew, even to the same, they cost a layout.
      if (points.input.max !== String(most)) Object.assign(points.input, { min: fewest, max: most });
      points.put(data.points);
    }
    show(noise.row, made && data.noise !== undefined);
    if (data.noise !== undefined) noise.put(data.noise);
    const [few, many] = kind.classes;
    show(classes, made && many > few);
    classes.querySelectorAll("button").forEach((one) => {
      const count = Number(one.dataset.count);
      show(one, few <= count && count <= many);
      one.setAttribute("aria-pressed", String(count === data.classes));
    });
    show(test.row, made);
    test.put(data.test);
    table.draw(frame, name === "csv");
    write(
      hint,
      asked === "drawn"
        ? "Draw points of two classes or more in the field; then they become the data."
        : frame.step > 0
          ? "Another choice here starts a new run at step 0."
          : "",
    );
  }
  // A person may give up drawing and go on with what is trained.
  document.addEventListener("draw-points", (event) => {
    if (!event.detail) {
      open(null);
    }
  });
  return { draw };
}
