// Windows over the page: keys, export, the link to a state; and the panel that explains why a run
// stopped. Texts of a stopped run come from the server.
import { button, openDialog, show } from "./elements.js";
import { h, number } from "./look.js";
import { wholeLine } from "./charts.js";
import { placeOn } from "./timeline.js";

const KEYS = [
  ["Space", "train or pause"],
  ["→", "one step on; with Shift 10"],
  ["←", "one step back; with Shift 10"],
  ["Home  End", "on the slider: step 0, the last step that was reached"],
  ["Page Up  Page Down", "on the slider: a tenth of the run"],
  ["e", "explain this step, in a new tab"],
  ["x", "export"],
  ["r", "restart: step 0 with the settings of the branch that is shown"],
  ["?", "this list"],
  ["Esc", "close a window"],
];

const EXPORTS = [
  [
    "html",
    "One HTML file",
    "The trained model with a field to try it; works without this program and offline.",
  ],
  [
    "python",
    "Python, tinygrad_edu",
    "A script that trains to exactly these weights, with every change of this line of branches.",
  ],
  ["numpy", "Python, NumPy", "The training step as plain NumPy, with the gradients written out."],
  ["torch", "Python, PyTorch", "The same training step in PyTorch."],
  [
    "safetensors",
    "Weights, safetensors",
    "The weights at this step; nn.load_state and other frameworks read the file.",
  ],
];

export function make() {
  return {};
}

export function openKeys() {
  openDialog(
    "Keys",
    h(
      "dl",
      { class: "keys-list" },
      KEYS.map(([key, text]) =>
        h(
          "div",
          null,
          h(
            "dt",
            null,
            key.split("  ").map((one) => h("kbd", null, one)),
          ),
          h("dd", null, text),
        ),
      ),
    ),
    h("p", { class: "hint" }, "Keys work while no field has the focus."),
  );
}

// Where a long replay is going; the server answers when it is there.
export const goalOf = (app) => `On the way to step ${app.replaying.of.toLocaleString("en")}`;

export function openExport(app) {
  const { frame } = app;
  const lane = frame.lanes[frame.selected];
  const whose = frame.lanes.length > 1 ? `${lane.name}, step ${frame.step}` : `step ${frame.step}`;
  if (frame.playing) app.act("pause");
  openDialog(
    "Export",
    h("p", { class: "hint" }, app.replaying ? `${goalOf(app)}; exported when it is there.` : `What is shown now: ${whose}.`),
    h(
      "ul",
      { class: "exports" },
      EXPORTS.map(([kind, title, text]) =>
        h(
          "li",
          null,
          button(title, () => download(app, kind), { image: "save" }),
          h("p", { class: "hint" }, text),
        ),
      ),
    ),
  );
}

// Fetched first, so that a refusal is shown as its line and not saved as a file.
async function download(app, kind) {
  let answer;
  if (app.replaying) app.say(`${goalOf(app)}; exported when it is there.`);
  try {
    answer = await fetch(app.link("export", { kind }));
  } catch {
    app.say("No answer from the playground; nothing was exported.", "error");
    return;
  }
  if (!answer.ok) {
    // A style within the page would be refused, and that is an error on the console.
    const text = (await answer.text()).replace(/<style[^]*?<\/style>/, "");
    const page = new DOMParser().parseFromString(text, "text/html");
    app.say(page.querySelector("p")?.textContent ?? `The export failed (${answer.status}).`, "error");
    return;
  }
  const name =
    /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "")?.[1] ?? `model.${kind}`;
  const address = URL.createObjectURL(await answer.blob());
  h("a", { href: address, download: name }).click();
  // The browser has begun to read it by then.
  window.setTimeout(() => URL.revokeObjectURL(address), 60000);
  app.say(`Saved as ${name}.`);
}

// The state as text: the part of the address behind #, and the command that opens it.
export function openLink(app) {
  const { state, settings } = app.frame;
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const table = settings.data.name === "csv" ? `${quoted(settings.data.file)} ` : "";
  const line = (title, text, hint) => {
    const box = h("textarea", { readonly: true, rows: "3", spellcheck: "false", "aria-label": title });
    box.value = text;
    const done = h("span", { class: "hint", role: "status" });
    const copy = button("Copy", async () => {
      try {
        await navigator.clipboard.writeText(text);
        done.textContent = "Copied.";
      } catch {
        box.select();
        done.textContent = "Select all and copy; the browser does not let the page copy.";
      }
    });
    return h(
      "div",
      { class: "copy" },
      h("h3", null, title),
      box,
      h("div", { class: "row" }, copy, done),
      h("p", { class: "hint" }, hint),
    );
  };
  openDialog(
    "Link to this state",
    line(
      "Command",
      `tinygrad-edu playground ${table}--state ${quoted(state)}`,
      `Opens the playground at this step with the same weights${table && ", in the folder of the table"}. Another version of NumPy may round the last bits differently.`,
    ),
    line(
      "Part of the address",
      `#${state}`,
      "Paste it behind the address of a running playground. A table is not in it; open the same file first.",
    ),
  );
}

const COLUMNS = [
  ["step", "step"],
  ["loss", "loss"],
  ["weight", "largest weight"],
  ["gradient", "largest gradient"],
];

function tableOf(rows) {
  const cell = (name, value) => h("td", null, name === "step" ? String(value) : number(value));
  return h(
    "table",
    { class: "plain" },
    h(
      "thead",
      null,
      h(
        "tr",
        null,
        COLUMNS.map(([, title]) => h("th", { scope: "col" }, title)),
      ),
    ),
    h(
      "tbody",
      null,
      rows.map((row) =>
        h(
          "tr",
          null,
          COLUMNS.map(([name]) => cell(name, row[name])),
        ),
      ),
    ),
  );
}

export function makeWhy(root, app) {
  const section = root.closest("section");
  let shown = "";

  async function goBack(step) {
    const [branch, at] = placeOn(app.frame.history.line, step);
    return app.act("seek", { branch, step: at });
  }

  async function slower(step, place, share) {
    // The rate that was too high, which an earlier step may not have had.
    const lr = Number((app.frame.settings.optimizers[place].lr * share).toPrecision(6));
    if ((await goBack(step)) === null) return;
    const optimizers = app.frame.settings.optimizers.map((one, index) =>
      index === place ? { ...one, lr } : one,
    );
    const done = await app.act("change", { settings: { optimizers } });
    if (done) {
      app.say(`The learning rate is ${optimizers[place].lr} from step ${step} on. Train again.`);
    }
  }

  // Weights may be huge long before a number is not finite; where the loss was lowest is a better start.
  function lowest(frame, place) {
    const { steps, lanes } = wholeLine(frame),
      { stopped } = frame.lanes[place];
    let found = null;
    steps.forEach((step, index) => {
      const loss = lanes[place].test[index] ?? lanes[place].train[index];
      if (Number.isFinite(loss) && step < stopped.step && (found === null || loss < found.loss)) {
        found = { step, loss };
      }
    });
    // After one step there is nothing to choose from.
    return found && found.step > 1 ? found : null;
  }

  function part(frame, place) {
    const { stopped } = frame.lanes[place],
      several = frame.lanes.length > 1,
      best = lowest(frame, place);
    const { name } = frame.lanes[place],
      there = frame.step === stopped.step;
    return h(
      "div",
      { class: "stopped-lane" },
      several ? h("h3", null, name) : null,
      h("p", null, stopped.text),
      stopped.rows?.length
        ? h(
            "details",
            { class: "more" },
            h("summary", null, "The last steps in numbers"),
            h("div", { class: "scroll-x" }, tableOf(stopped.rows)),
          )
        : null,
      h(
        "div",
        { class: "row" },
        there ? null : button("Back to the last finite step", () => goBack(stopped.step)),
        best ? button(`Back to step ${best.step}, where the loss was lowest`, () => goBack(best.step)) : null,
        button(there ? "Halve the learning rate here" : "Halve the learning rate there", () =>
          slower(stopped.step, place, 0.5),
        ),
        button("From step 0 with a tenth of the rate", () => slower(0, place, 0.1)),
      ),
    );
  }

  return {
    draw(frame) {
      const stopped = frame.lanes.map((lane, place) => [lane, place]).filter(([lane]) => lane.stopped);
      show(section, stopped.length > 0);
      const key = JSON.stringify(
        stopped.map(([lane, place]) => [lane.name, place, lane.stopped, frame.step === lane.stopped.step]),
      );
      if (key === shown) return;
      shown = key;
      root.replaceChildren(...stopped.map(([, place]) => part(frame, place)));
    },
  };
}
