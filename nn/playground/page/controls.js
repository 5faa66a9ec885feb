// What is trained: data, layers, optimizers. Each control sends a change; the frame that answers
// shows what holds. Changing data, layers or seed starts a new run; all else begins a branch.
import { button, field, icon, put, select, show, write } from "./elements.js";
import { follow, h } from "./look.js";
import { sketch } from "./thumbnails.js";
import { makeTable } from "./tables.js";

// Says what a change began: a branch of this run, or a new run.
async function change(app, settings) {
  const before = app.frame.branches, { step } = app.frame;
  const answer = await app.act("change", { settings });
  const { branches } = app.frame, newest = branches[branches.length - 1];
  if (answer && step > 0) {
    if (branches.length > before.length) { app.say(`Branch ${newest.id} begins at step ${newest.at}: ${newest.what}`); }
    else if (branches.length === 1 && app.frame.step === 0) { app.say("A new run begins at step 0."); }
  }
  return answer;
}

// A number that a person types; one that is not a number is reported and put back.
function numberField(app, name, send, attributes = {}) {
  const input = h("input", { type: "text", inputmode: "decimal", autocomplete: "off", spellcheck: "false", ...attributes });
  input.addEventListener("change", async () => {
    const text = input.value.trim().replace(",", "."), value = Number(text);
    const old = input.dataset.held ?? "";
    if (text === "" || !Number.isFinite(value)) {
      app.say(`${name}: found "${input.value}", expected a number.`, "error");
      input.value = old;
    } else if (String(value) !== old && await send(value) === null) { input.value = old; }
  });
  return input;
}

function hold(input, value) {
  input.dataset.held = String(value);
  put(input, value);
}

// A slider that sends when it is let go, and shows its value meanwhile.
function slider(text, { least, most, step, format }, send) {
  const said = h("output", { class: "numbers" });
  const input = h("input", { type: "range", min: least, max: most, step,
    oninput: () => { input.dataset.busy = "yes"; write(said, format(Number(input.value))); },
    onchange: () => { delete input.dataset.busy; send(Number(input.value)); } });
  const row = h("label", { class: "field sliding" }, h("span", null, text, " ", said), input);
  return { row, input, put(value) {
    if (input.dataset.busy) { return; }
    if (Number(input.value) !== value) { input.value = value; }
    write(said, format(value));
    const spoken = format(value);
    if (input.getAttribute("aria-valuetext") !== spoken) { input.setAttribute("aria-valuetext", spoken); }
  } };
}

const asShare = (value) => `${Math.round(100 * value)} %`;

export function makeData(root, app) {
  const kinds = app.choices.data;
  const send = (values) => change(app, { data: { ...app.frame.settings.data, ...values } });
  const radios = new Map(), sketches = [];
  const choose = h("fieldset", { class: "kinds" }, h("legend", { class: "unseen" }, "Kind of data"),
    kinds.map((kind) => {
      const canvas = h("canvas", { class: "sketch", "aria-hidden": "true" });
      const input = h("input", { type: "radio", name: "kind-of-data", value: kind.name, class: "unseen", onchange: () => pick(kind) });
      radios.set(kind.name, input);
      sketches.push(() => sketch(canvas, kind.name));
      return h("label", { class: "kind", title: kind.title }, input, canvas, h("span", null, kind.title));
    }));
  const paint = () => sketches.forEach((one) => one());
  paint();
  follow(paint);

  const points = slider("Points", { least: 20, most: 2000, step: 10, format: String }, (value) => send({ points: value }));
  const noise = slider("Noise", { least: 0, most: 0.5, step: 0.01, format: (value) => value.toFixed(2) }, (value) => send({ noise: value }));
  const test = slider("Test rows", { least: 0, most: 0.9, step: 0.05, format: asShare }, (value) => send({ test: value }));
  const classes = h("fieldset", { class: "field classes" }, h("legend", null, "Classes"),
    h("span", { class: "joined" }, [2, 3, 4, 5].map((count) =>
      button(String(count), () => send({ classes: count }), { "data-count": count, "aria-pressed": "false", "aria-label": `${count} classes` }))));
  const table = makeTable(app);
  const hint = h("p", { class: "hint" });
  root.append(choose, h("div", { class: "fields" }, classes, noise.row, points.row, test.row), table.root, hint);

  function pick(kind) {
    // Drawn points and a table have to be given first.
    if (kind.name === "csv" && !table.ready()) { open("csv"); table.ask(); return; }
    if (kind.name === "drawn") {
      open("drawn");
      document.dispatchEvent(new CustomEvent("draw-points", { detail: true }));
      return;
    }
    if (asked === "drawn") { document.dispatchEvent(new CustomEvent("draw-points", { detail: false })); }
    open(null);
    if (kind.name === "csv") { table.use(); return; }
    change(app, { data: { name: kind.name, ...(kind.fields?.includes("test") ? { test: app.frame.settings.data.test } : {}) } });
  }

  // A kind that is chosen but has no data yet; until then the old run stays.
  let asked = null;
  function open(name) {
    asked = name;
    draw(app.frame);
  }

  function draw(frame) {
    const { data } = frame.settings;
    if (asked !== null && data.name === asked) { asked = null; }
    const name = asked ?? data.name, kind = kinds.find((one) => one.name === data.name);
    radios.forEach((input, key) => { if (input.checked !== (key === name)) { input.checked = key === name; } });
    const made = asked === null;
    const [fewest, most] = kind.points ?? [0, 0];
    show(points.row, made && data.points !== undefined && most > fewest);
    if (data.points !== undefined) {
      points.input.min = fewest;
      points.input.max = most;
      points.put(data.points);
    }
    show(noise.row, made && data.noise !== undefined);
    if (data.noise !== undefined) { noise.put(data.noise); }
    const [few, many] = kind.classes ?? [1, 1];
    show(classes, made && many > few);
    classes.querySelectorAll("button").forEach((one) => {
      const count = Number(one.dataset.count);
      show(one, few <= count && count <= many);
      one.setAttribute("aria-pressed", String(count === data.classes));
    });
    show(test.row, made);
    test.put(data.test);
    table.draw(frame, name === "csv");
    write(hint, asked === "drawn" ? "Draw points of two classes or more in the field; then they become the data."
      : frame.step > 0 ? "Another choice here starts a new run at step 0." : "");
  }
  // A person may give up drawing and go on with what is trained.
  document.addEventListener("draw-points", (event) => { if (!event.detail) { open(null); } });
  return { draw };
}

export function makeModel(root, app) {
  const { limits, activations } = app.choices;
  const list = h("ol", { class: "layers" });
  const add = button("Add layer", () => {
    const { hidden } = app.frame.settings;
    change(app, { hidden: [...hidden, { ...(hidden[hidden.length - 1] ?? { units: 8, activation: "tanh" }) }] });
  }, { image: "plus" });
  const hint = h("p", { class: "hint" });
  root.append(list, h("div", { class: "row" }, add), hint);
  let rows = [];

  const edit = (place, values) => change(app, {
    hidden: app.frame.settings.hidden.map((layer, index) => (index === place ? { ...layer, ...values } : layer)) });

  async function remove(place) {
    await change(app, { hidden: app.frame.settings.hidden.filter((_, index) => index !== place) });
    (rows[Math.min(place, rows.length - 2)]?.remove ?? add).focus();
  }

  function freezer(number, name) {
    const made = button("Freeze", () => {
      const { frozen } = app.frame.settings;
      change(app, { frozen: frozen.includes(number) ? frozen.filter((one) => one !== number) : [...frozen, number] });
    }, { image: "free", class: "freeze", "aria-pressed": "false", title: "A frozen layer keeps its weights; the others train on" });
    made.append(h("span", { class: "unseen" }, name));
    return { made, draw(frozen) {
      if (made.getAttribute("aria-pressed") === String(frozen)) { return; }
      made.setAttribute("aria-pressed", String(frozen));
      made.querySelector(".icon").replaceWith(icon(frozen ? "frozen" : "free"));
      write(made.querySelector("span"), frozen ? "Frozen" : "Freeze");
    } };
  }

  function rowOf(place) {
    const name = `hidden layer ${place + 1}`;
    const units = numberField(app, "Units", (value) => edit(place, { units: value }), { "aria-label": `Units of ${name}`, inputmode: "numeric", class: "count" });
    const step = (by) => {
      const now = app.frame.settings.hidden[place].units, next = Math.max(1, Math.min(limits.units ?? 256, now + by));
      if (next !== now) { edit(place, { units: next }); }
    };
    const activation = select(activations.map((one) => [one, one.replace("_", " ")]), (value) => edit(place, { activation: value }), { "aria-label": `Activation of ${name}` });
    const gone = button("", () => remove(place), { image: "remove", class: "icon plain", "aria-label": `Remove ${name}`, title: "Remove this layer" });
    const freeze = freezer(place + 1, name);
    const part = h("li", null, h("fieldset", null, h("legend", { class: "unseen" }, name),
      h("span", { class: "number", "aria-hidden": "true" }, String(place + 1)),
      h("span", { class: "joined counter" },
        button("", () => step(-1), { image: "minus", class: "icon", "aria-label": `Fewer units in ${name}` }), units,
        button("", () => step(1), { image: "plus", class: "icon", "aria-label": `More units in ${name}` })),
      activation, freeze.made, gone));
    return { part, remove: gone, draw(layer, frozen) {
      hold(units, layer.units);
      put(activation, layer.activation);
      freeze.draw(frozen);
    } };
  }

  let output = null;
  let outputNumber = 0;
  const outputText = h("span", { class: "what" });
  const outputRow = h("li", { class: "output" }, h("fieldset", null, h("legend", { class: "unseen" }, "Output layer"),
    h("span", { class: "number", "aria-hidden": "true" }, "out"), outputText));
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
        if (!outputRow.isConnected) { list.append(outputRow); }
      }
      rows.forEach((row, place) => row.draw(hidden[place], frozen.includes(place + 1)));
      output.draw(frozen.includes(outputNumber));
      const units = frame.problem === "regression" ? 1 : frame.classes.length;
      write(outputText, `${units} ${units === 1 ? "unit" : "units"}, ${frame.problem === "regression" ? "linear" : "softmax"}`);
      add.disabled = hidden.length >= (limits.hidden ?? 6);
      write(hint, frame.step > 0 ? `Layers start a new run. Freezing begins a branch at step ${frame.step}.` : "");
    },
  };
}

// Learning rates are walked in steps of about three: 0.001, 0.003, 0.01, 0.03 ...
export function neighbour(value, up) {
  const power = Math.floor(Math.log10(value) + 1e-9), first = value / 10 ** power;
  const scale = [1, 3, 10];
  const next = up ? scale.find((one) => one > first * 1.001) : [...scale].reverse().find((one) => one < first * 0.999);
  return next === undefined ? 3 * 10 ** (power - 1) : Number((next * 10 ** power).toPrecision(3));
}

const WORDS = { lr: "learning rate", beta1: "β₁", beta2: "β₂", alpha: "smoothing α", rho: "decay ρ" };

export function makeOptimizers(root, app) {
  const { optimizers, limits } = app.choices;
  const options = (name) => optimizers.find((one) => one.name === name).options;
  const list = h("ol", { class: "optimizers" });
  const hint = h("p", { class: "hint" });
  const add = button("Compare with another", () => {
    const now = app.frame.settings.optimizers;
    const unused = optimizers.find((one) => now.every((other) => other.name !== one.name)) ?? optimizers[0];
    change(app, { optimizers: [...now, fresh(unused.name)] });
  }, { image: "plus", title: "Up to four optimizers train side by side, from the same weights" });
  const batch = numberField(app, "Batch", (value) => change(app, { batch: value }), { inputmode: "numeric" });
  const l2 = numberField(app, "L2", (value) => change(app, { l2: value }));
  root.append(list, h("div", { class: "row" }, add),
    h("div", { class: "grid2 general" }, field("Rows in a batch", batch), field("L2 (weight decay)", l2)), hint);
  let rows = [], shape = "";

  const fresh = (name) => ({ name, ...Object.fromEntries(options(name).map((one) => [one.name, one.default])) });
  const edit = (place, values) => change(app, {
    optimizers: app.frame.settings.optimizers.map((one, index) => (index === place ? { ...one, ...values } : one)) });
  const rename = (place, name) => change(app, {
    optimizers: app.frame.settings.optimizers.map((one, index) => (index === place ? { ...fresh(name) } : one)) });

  function rowOf(entry, place, several) {
    const whose = several ? ` of optimizer ${place + 1}` : "";
    const name = select(optimizers.map((one) => [one.name, one.name]), (value) => rename(place, value), { "aria-label": `Optimizer${several ? ` ${place + 1}` : ""}` });
    const shown = h("input", { type: "radio", name: "shown-lane", onchange: () => app.act("select", { lane: place }) });
    const gone = button("", async () => {
      await change(app, { optimizers: app.frame.settings.optimizers.filter((_, index) => index !== place) });
      add.focus();
    }, { image: "remove", class: "icon plain", "aria-label": `Remove optimizer ${place + 1}`, title: "Remove this optimizer" });
    const fields = options(entry.name).map((option) => {
      const word = WORDS[option.name] ?? option.name;
      const input = numberField(app, word, (value) => edit(place, { [option.name]: value }), { "aria-label": word + whose });
      if (option.name !== "lr") { return { option, input, part: field(word, input) }; }
      const walk = (up) => edit(place, { lr: neighbour(app.frame.settings.optimizers[place].lr, up) });
      input.addEventListener("keydown", (event) => {
        if (event.key !== "ArrowUp" && event.key !== "ArrowDown") { return; }
        event.preventDefault();
        walk(event.key === "ArrowUp").then(() => { input.value = app.frame.settings.optimizers[place].lr; });
      });
      return { option, input, part: h("div", { class: "field rate" }, h("span", { "aria-hidden": "true" }, word),
        h("span", { class: "joined counter" },
          button("", () => walk(false), { image: "minus", class: "icon", "aria-label": `Lower learning rate${whose}`, title: "About a third" }), input,
          button("", () => walk(true), { image: "plus", class: "icon", "aria-label": `Higher learning rate${whose}`, title: "About three times" }))) };
    });
    const part = h("li", { class: several ? `lane-row lane-${place}` : "lane-row" },
      h("div", { class: "row optimizer-head" },
        several ? h("label", { class: "shown", title: "Show the network of this optimizer" }, shown, h("i", { class: "swatch", "aria-hidden": "true" }), h("span", { class: "unseen" }, `Show the network of optimizer ${place + 1}`)) : null,
        name, several ? gone : null),
      h("div", { class: fields.length === 2 ? "optimizer-fields two" : "optimizer-fields" }, fields.map((one) => one.part)));
    return { part, draw(values, selected) {
      put(name, values.name);
      fields.forEach(({ option, input }) => hold(input, values[option.name]));
      if (shown.checked !== selected) { shown.checked = selected; }
    } };
  }

  return {
    draw(frame) {
      const now = frame.settings.optimizers, key = now.map((one) => one.name).join();
      if (key !== shape) {
        shape = key;
        const focused = list.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
        rows = now.map((entry, place) => rowOf(entry, place, now.length > 1));
        list.replaceChildren(...rows.map((row) => row.part));
        if (focused) { list.querySelector(`[aria-label="${focused}"]`)?.focus(); }
      }
      rows.forEach((row, place) => row.draw(now[place], frame.selected === place));
      hold(batch, frame.settings.batch);
      hold(l2, frame.settings.l2);
      add.disabled = now.length >= (limits.optimizers ?? 4);
      write(hint, frame.step > 0 ? `A change here begins a branch at step ${frame.step}; the run until now stays.` : "");
    },
  };
}
