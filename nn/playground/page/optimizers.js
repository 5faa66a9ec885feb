// One to four optimizers that train side by side, with the batch and the weight decay of all. A
// change begins a branch.
import { change, hold, numberField } from "./changes.js";
import { button, field, put, select, write } from "./elements.js";
import { h } from "./look.js";

// Learning rates are walked in steps of about three: 0.001, 0.003, 0.01, 0.03 ...
function neighbour(value, up) {
  const power = Math.floor(Math.log10(value) + 1e-9),
    first = value / 10 ** power;
  const scale = [1, 3, 10];
  const next = up
    ? scale.find((one) => one > first * 1.001)
    : [...scale].reverse().find((one) => one < first * 0.999);
  return next === undefined ? 3 * 10 ** (power - 1) : Number((next * 10 ** power).toPrecision(3));
}

const WORDS = { lr: "learning rate", beta1: "β₁", beta2: "β₂", alpha: "smoothing α", rho: "decay ρ" };

export function makeOptimizers(root, app) {
  const { optimizers, limits } = app.choices;
  const options = (name) => optimizers.find((one) => one.name === name).options;
  const list = h("ol", { class: "optimizers" });
  const hint = h("p", { class: "hint" });
  const add = button(
    "Compare with another",
    () => {
      const now = app.frame.settings.optimizers;
      const unused = optimizers.find((one) => now.every((other) => other.name !== one.name)) ?? optimizers[0];
      change(app, { optimizers: [...now, fresh(unused.name)] });
    },
    { image: "plus", title: "Up to four optimizers train side by side, from the same weights" },
  );
  const batch = numberField(app, "Batch", (value) => change(app, { batch: value }), { inputmode: "numeric" });
  const l2 = numberField(app, "L2", (value) => change(app, { l2: value }));
  root.append(
    list,
    h("div", { class: "row" }, add),
    h("div", { class: "grid2 general" }, field("Rows in a batch", batch), field("L2 (weight decay)", l2)),
    hint,
  );
  let rows = [],
    shape = "";

  const fresh = (name) => ({
    name,
    ...Object.fromEntries(options(name).map((one) => [one.name, one.default])),
  });
  const edit = (place, values) =>
    change(app, {
      optimizers: app.frame.settings.optimizers.map((one, index) =>
        index === place ? { ...one, ...values } : one,
      ),
    });
  const rename = (place, name) =>
    change(app, {
      optimizers: app.frame.settings.optimizers.map((one, index) =>
        index === place ? { ...fresh(name) } : one,
      ),
    });

  function rowOf(entry, place, several) {
    const whose = several ? ` of optimizer ${place + 1}` : "";
    const name = select(
      optimizers.map((one) => [one.name, one.name]),
      (value) => rename(place, value),
      { "aria-label": `Optimizer${several ? ` ${place + 1}` : ""}` },
    );
    const shown = h("input", {
      type: "radio",
      name: "shown-lane",
      onchange: () => app.act("select", { lane: place }),
    });
    const gone = button(
      "",
      async () => {
        await change(app, {
          optimizers: app.frame.settings.optimizers.filter((_, index) => index !== place),
        });
        add.focus();
      },
      {
        image: "remove",
        class: "icon plain",
        "aria-label": `Remove optimizer ${place + 1}`,
        title: "Remove this optimizer",
      },
    );
    const fields = options(entry.name).map((option) => {
      const word = WORDS[option.name] ?? option.name;
      const input = numberField(app, word, (value) => edit(place, { [option.name]: value }), {
        "aria-label": word + whose,
      });
      if (option.name !== "lr") {
        return { option, input, part: field(word, input) };
      }
      const walk = (up) => edit(place, { lr: neighbour(app.frame.settings.optimizers[place].lr, up) });
      input.addEventListener("keydown", (event) => {
        if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
        event.preventDefault();
        walk(event.key === "ArrowUp").then(() => {
          input.value = app.frame.settings.optimizers[place].lr;
        });
      });
      return {
        option,
        input,
        part: h(
          "div",
          { class: "field rate" },
          h("span", { "aria-hidden": "true" }, word),
          h(
            "span",
            { class: "joined counter" },
            button("", () => walk(false), {
              image: "minus",
              class: "icon",
              "aria-label": `Lower learning rate${whose}`,
              title: "About a third",
            }),
            input,
            button("", () => walk(true), {
              image: "plus",
              class: "icon",
              "aria-label": `Higher learning rate${whose}`,
              title: "About three times",
            }),
          ),
        ),
      };
    });
    const part = h(
      "li",
      { class: several ? `lane-row lane-${place}` : "lane-row" },
      h(
        "div",
        { class: "row optimizer-head" },
        several
          ? h(
              "label",
              { class: "shown", title: "Show the network of this optimizer" },
              shown,
              h("i", { class: "swatch", "aria-hidden": "true" }),
              h("span", { class: "unseen" }, `Show the network of optimizer ${place + 1}`),
            )
          : null,
        name,
        several ? gone : null,
      ),
      h(
        "div",
        { class: fields.length === 2 ? "optimizer-fields two" : "optimizer-fields" },
        fields.map((one) => one.part),
      ),
    );
    return {
      part,
      draw(values, selected) {
        put(name, values.name);
        fields.forEach(({ option, input }) => hold(input, values[option.name]));
        if (shown.checked !== selected) shown.checked = selected;
      },
    };
  }

  return {
    draw(frame) {
      const now = frame.settings.optimizers,
        key = now.map((one) => one.name).join();
      if (key !== shape) {
        shape = key;
        const focused = list.contains(document.activeElement)
          ? document.activeElement.getAttribute("aria-label")
          : null;
        rows = now.map((entry, place) => rowOf(entry, place, now.length > 1));
        list.replaceChildren(...rows.map((row) => row.part));
        if (focused) {
          list.querySelector(`[aria-label="${focused}"]`)?.focus();
        }
      }
      rows.forEach((row, place) => row.draw(now[place], frame.selected === place));
      hold(batch, frame.settings.batch);
      hold(l2, frame.settings.l2);
      add.disabled = now.length >= limits.optimizers;
      write(
        hint,
        frame.step > 0 ? `A change here begins a branch at step ${frame.step}; the run until now stays.` : "",
      );
    },
  };
}
