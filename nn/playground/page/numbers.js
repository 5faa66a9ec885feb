// The weights and gradients of one layer as a table: the same numbers as the picture of the network,
// for screen readers and for everybody who wants to read them. Nothing is worked out here.
import { h, signed } from "./look.js";
import { firstOf, nameOfUnit } from "./plan.js";
import { push } from "./peek.js";

const PAUSE = 250; // milliseconds between two fillings of the table

export function makeNumbers(app) {
  const chips = h("div", { class: "row", role: "group", "aria-label": "Layer" });
  const caption = h("caption", { class: "unseen" });
  const head = h("thead"), body = h("tbody");
  const scroll = h("div", { class: "scroll-x", tabindex: "0", role: "region", "aria-label": "Weights and gradients" },
    h("table", { class: "plain" }, caption, head, body));
  const root = h("details", { class: "more weights", ontoggle: () => { known = ""; if (app.frame) draw(app.frame); } },
    h("summary", {}, "Weights and gradients as numbers"), chips, scroll);
  let chosen = 0, known = "", filled = 0, cells = [], late = 0;

  function build(frame) {
    const layers = frame.network.layers;
    chosen = Math.min(chosen, layers.length - 1);
    chips.replaceChildren(...layers.map((layer, n) => h("button", { type: "button", class: "chip", "aria-pressed": String(n === chosen),
      onclick: () => { chosen = n; known = ""; draw(app.frame); } }, n + 1 === layers.length ? "Output" : `Layer ${layer.number}`)));
    const layer = layers[chosen];
    const [rows, columns] = layer.weights.shape;
    caption.textContent = `Weights and, below each, gradients of ${chosen + 1 === layers.length ? "the output" : `layer ${layer.number}`}${layer.frozen ? ", frozen" : ""}`;
    head.replaceChildren(h("tr", {}, h("th", { scope: "col" }, "from"),
      Array.from({ length: columns }, (_, j) => h("th", { scope: "col" }, nameOfUnit(frame, chosen + 1, j)))));
    cells = [];
    const row = (name) => h("tr", {}, h("th", { scope: "row" }, name), Array.from({ length: columns }, () => {
      const value = document.createTextNode(""), gradient = h("small");
      cells.push({ value, gradient });
      return h("td", {}, value, gradient);
    }));
    body.replaceChildren(...Array.from({ length: rows }, (_, i) => row(nameOfUnit(frame, chosen, i))), row("bias"));
  }

  function draw(frame) {
    if (!root.open) return;
    const layers = frame.network.layers;
    const at = Math.min(chosen, layers.length - 1);
    const now = [chosen, layers.length, layers.map((layer) => layer.frozen), layers[at].weights.shape, firstOf(frame, at), firstOf(frame, at + 1),
      frame.features, frame.classes].join();
    const changed = now !== known;
    if (!changed && performance.now() - filled < PAUSE) {
      clearTimeout(late);
      late = setTimeout(() => draw(app.frame), PAUSE);
      return;
    }
    if (changed) build(frame);
    known = now;
    filled = performance.now();
    const layer = layers[chosen];
    const count = layer.weights.data.length;
    cells.forEach(({ value, gradient }, n) => {
      const [weight, slope] = n < count ? [layer.weights.data[n], layer.gradients.data[n]]
        : [layer.bias.data[n - count], layer.bias_gradients.data[n - count]];
      value.data = signed(weight);
      const way = push({ layer, gradient: slope });
      gradient.textContent = `${signed(slope)}${way === "up" ? " ▲" : way === "down" ? " ▼" : ""}`;
      gradient.className = way;
    });
  }
  return { root, draw };
}
