// The hidden layers and the output: units, activation, freezing. Another layer starts a new run;
// freezing begins a branch.
import { change, hold, nextPicture, numberField } from "./changes.js";
import { button, icon, put, select, write } from "./elements.js";
import { h } from "./look.js";

export function makeModel(root, app) {
  const { limits, activations } = app.choices;
  const list = h("ol", { class: "layers" });
  const add = button(
    "Add layer",
    () => {
      const { hidden } = app.frame.settings;
      change(app, {
        hidden: [...hidden, { ...(hidden[hidden.length - 1] ?? { units: 8, activation: "tanh" }) }],
      });
    },
    { image: "plus" },
  );
  const hint = h("p", { class: "hint" });
  root.append(list, h("div", { class: "row" }, add), hint);
  let rows = [];

  const edit = (place, values) =>
    change(app, {
      hidden: app.frame.settings.hidden.map((layer, index) =>
        index === place ? { ...layer, ...values } : layer,
      ),
    });

  async function remove(place) {
    await change(app, { hidden: app.frame.settings.hidden.filter((_, index) => index !== place) });
    // The rows are made anew when the page is drawn, and the focus would go with the old one.
    await nextPicture();
    (rows[Math.min(place, rows.length - 1)]?.remove ?? add).focus();
  }

  function freezer(number, name) {
    const made = button(
      "Freeze",
      () => {
        const { frozen } = app.frame.settings;
        change(app, {
          frozen: frozen.includes(number) ? frozen.filter((one) => one !== number) : [...frozen, number],
        });
      },
      {
        image: "free",
        class: "freeze",
        "aria-pressed": "false",
        title: "A frozen layer keeps its weights; the others train on",
      },
    );
    made.append(h("span", { class: "unseen" }, name));
    return {
      made,
      draw(frozen) {
        if (made.getAttribute("aria-pressed") === String(frozen)) return;
        made.setAttribute("aria-pressed", String(frozen));
        made.querySelector(".icon").replaceWith(icon(frozen ? "frozen" : "free"));
        write(made.querySelector("span"), frozen ? "Frozen" : "Freeze");
      },
    };
  }

  function rowOf(place) {
    const name = `hidden layer ${place + 1}`;
    const units = numberField(app, "Units", (value) => edit(place, { units: value }), {
      "aria-label": `Units of ${name}`,
      inputmode: "numeric",
      class: "count",
    });
    const step = (by) => {
      const now = app.frame.settings.hidden[place].units,
        next = Math.max(1, Math.min(limits.units, now + by));
      if (next !== now) {
        edit(place, { units: next });
      }
    };
    const activation = select(
      activations.map((one) => [one, one.replace("_", " ")]),
      (value) => edit(place, { activation: value }),
      { "aria-label": `Activation of ${name}` },
    );
    const gone = button("", () => remove(place), {
      image: "remove",
      class: "icon plain",
      "aria-label": `Remove ${name}`,
      title: "Remove this layer",
    });
    const freeze = freezer(place + 1, name);
    const part = h(
      "li",
      null,
      h(
        "fieldset",
        null,
        h("legend", { class: "unseen" }, name),
        h("span", { class: "number", "aria-hidden": "true" }, String(place + 1)),
        h(
          "span",
          { class: "joined counter" },
          button("", () => step(-1), {
            image: "minus",
            class: "icon",
            "aria-label": `Fewer units in ${name}`,
          }),
          units,
          button("", () => step(1), { image: "plus", class: "icon", "aria-label": `More units in ${name}` }),
        ),
        activation,
        freeze.made,
        gone,
      ),
    );
    return {
      part,
      remove: gone,
      draw(layer, frozen) {
        hold(units, layer.units);
        put(activation, layer.activation);
        freeze.draw(frozen);
      },
    };
  }

  let output = null;
  let outputNumber = 0;
  const outputText = h("span", { class: "what" });
  const outputRow = h(
    "li",
    { class: "output" },
    h(
      "fieldset",
      null,
      h("legend", { class: "unseen" }, "Output layer"),
      h("span", { class: "number", "aria-hidden": "true" }, "out"),
      outputText,
    ),
  );
  return {
    draw(frame) {
      const { hidden, frozen } = frame.settings;
      if (rows.length !== hidden.length) {
        rows = hidden.map((_, place) => rows[place] ?? rowOf(place));
        list.replaceChildren(...rows.map((row) => row.part), outputRow);
      }
      if (output === null || outputNumber !== hidden.length + 1) {
        outputNumber = hidden.length + 1;
        output?.made.remove();
        output = freezer(outputNumber, "the output layer");
        outputRow.firstChild.append(output.made);
        if (!outputRow.isConnected) list.append(outputRow);
      }
      rows.forEach((row, place) => row.draw(hidden[place], frozen.includes(place + 1)));
      output.draw(frozen.includes(outputNumber));
      const units = frame.problem === "regression" ? 1 : frame.classes.length;
      write(
        outputText,
        `${units} ${units === 1 ? "unit" : "units"}, ${frame.problem === "regression" ? "linear" : "softmax"}`,
      );
      add.disabled = hidden.length >= limits.hidden;
      write(
        hint,
        frame.step > 0 ? `Layers start a new run. Freezing begins a branch at step ${frame.step}.` : "",
      );
    },
  };
}
