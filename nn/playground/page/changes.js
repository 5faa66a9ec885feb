// How a control changes the session: what is sent, what a person reads about it, and the fields for
// numbers, which never lose what is being typed.
import { put, write } from "./elements.js";
import { h } from "./look.js";

// Says what a change began: a branch of this run, or a new run.
export async function change(app, settings) {
  const before = app.frame.branches,
    { step } = app.frame;
  const answer = await app.act("change", { settings });
  const { branches } = app.frame,
    newest = branches[branches.length - 1];
  if (answer && step > 0) {
    if (branches.length > before.length) {
      app.say(`Branch ${newest.id} begins at step ${newest.at}: ${newest.what}`);
    } else if (branches.length === 1 && app.frame.step === 0) app.say("A new run begins at step 0.");
  }
  return answer;
}

export const nextPicture = () =>
  new Promise((done) => {
    requestAnimationFrame(() => requestAnimationFrame(done));
  });

// A number that a person types; one that is not a number is reported and put back.
export function numberField(app, name, send, attributes = {}) {
  const input = h("input", {
    type: "text",
    inputmode: "decimal",
    autocomplete: "off",
    spellcheck: "false",
    ...attributes,
  });
  input.addEventListener("change", async () => {
    const text = input.value.trim().replace(",", "."),
      value = Number(text);
    const old = input.dataset.held ?? "";
    if (text === "" || !Number.isFinite(value)) {
      app.say(`${name}: found "${input.value}", expected a number.`, "error");
      input.value = old;
    } else if (String(value) !== old && (await send(value)) === null) {
      input.value = old;
    }
  });
  return input;
}

export function hold(input, value) {
  input.dataset.held = String(value);
  put(input, value);
}

// A slider that sends when it is let go, and shows its value meanwhile.
export function slider(text, { least, most, step, format }, send) {
  // Screen readers read the slider's own value; the output is for eyes.
  const said = h("output", { class: "numbers", "aria-hidden": "true" });
  const input = h("input", {
    type: "range",
    "aria-label": text,
    min: least,
    max: most,
    step,
    oninput: () => {
      input.dataset.busy = "yes";
      write(said, format(Number(input.value)));
    },
    onchange: () => {
      delete input.dataset.busy;
      send(Number(input.value));
    },
  });
  const row = h("label", { class: "field sliding" }, h("span", null, text, " ", said), input);
  return {
    row,
    input,
    put(value) {
      if (input.dataset.busy) return;
      if (Number(input.value) !== value) input.value = value;
      write(said, format(value));
      const spoken = format(value);
      if (input.getAttribute("aria-valuetext") !== spoken) input.setAttribute("aria-valuetext", spoken);
    },
  };
}
