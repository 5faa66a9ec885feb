// A table of one's own: choose or drop a CSV file, then say which column to predict from which others.
// The file goes to the server on this computer and nowhere else.
import { button, choose, select, show, write } from "./elements.js";
import { h } from "./look.js";

const MANY = 12; // columns that are listed at once

const valuesOf = ({ distinct }) => `${distinct} value${distinct === 1 ? "" : "s"}`;

export function makeTable(app, opened) {
  let file = null,
    columns = [],
    made = "";
  const input = h("input", {
    type: "file",
    accept: ".csv,text/csv,text/plain",
    class: "unseen",
    "aria-label": "CSV file",
    onchange: () => {
      if (input.files[0]) {
        upload(input.files[0]);
        input.value = "";
      }
    },
  });
  const drop = h(
    "label",
    { class: "drop" },
    input,
    h("span", null, h("b", null, "Choose a CSV file"), " or drop it here"),
    h("span", { class: "hint" }, "One row a line, names in the first line. It stays on this computer."),
  );
  const about = h("p", { class: "hint" });
  const problem = h("p", { class: "problem", id: "table-problem", hidden: true });
  const label = select([], () => draw(app.frame, true), { "aria-label": "Column to predict", "aria-describedby": "table-problem" });
  const boxes = h("div", { class: "columns" });
  const apply = button("Train on these columns", () => use(), { class: "main" });
  const chooser = h(
    "div",
    { class: "table-columns", hidden: true },
    about,
    problem,
    h("label", { class: "field" }, h("span", null, "Predict"), label),
    h("fieldset", { class: "field" }, h("legend", null, "From"), boxes),
    apply,
  );
  const root = h("div", { class: "table-box", hidden: true }, drop, chooser);

  ["dragenter", "dragover"].forEach((name) =>
    document.addEventListener(name, (event) => {
      if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
      event.preventDefault();
      drop.classList.add("over");
    }),
  );
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) {
      drop.classList.remove("over");
    }
  });
  // Anywhere on the page: otherwise the browser would leave it and open the file.
  document.addEventListener("drop", (event) => {
    const [dropped] = event.dataTransfer?.files ?? [];
    drop.classList.remove("over");
    if (!dropped) return;
    event.preventDefault();
    upload(dropped);
  });

  async function upload(chosen) {
    const most = app.choices.limits.table;
    if (chosen.size > most) {
      app.say(
        `${chosen.name}: ${(chosen.size / 1e6).toFixed(1)} MB, expected at most ${most / 1e6} MB; take fewer rows.`,
        "error",
      );
      return;
    }
    try {
      const answer = await app.upload(chosen.name, await chosen.text());
      app.choices.csv = { ...answer.csv, problem: answer.problem };
      made = "";
      if (answer.problem) {
        askForColumns(chosen.name);
        return;
      }
      const { label: predicted, features } = app.frame.settings.data;
      app.say(
        `${chosen.name} was read: ${app.choices.csv.rows} rows. The network learns to predict ${predicted} from ` +
          `${features.length === 1 ? features[0] : `${features.length} columns`}; choose others under Data.`,
      );
      draw(app.frame, true);
    } catch (error) {
      app.say(error.message, "error");
    }
  }

  // The usual columns of a table cannot be used: the run stays until a person has chosen others.
  function askForColumns(name) {
    opened();
    app.say(`${name} was read, but nothing is trained on it yet: choose a column to predict under Data.`, "error");
    label.focus();
    label.scrollIntoView({ block: "nearest" });
  }

  const isTrained = (csv, data) => data.name === "csv" && data.digest === csv.digest;

  function build(csv, data) {
    columns = csv.columns;
    file = csv.file;
    choose(
      label,
      columns.map((column) => [column.name, column.predictable ? column.name : `${column.name} (${valuesOf(column)})`]),
    );
    columns.forEach((column, place) => {
      label.options[place].disabled = !column.predictable;
    });
    const { label: usual, features } = isTrained(csv, data) ? data : csv;
    const isUsable = columns.some((column) => column.name === usual && column.predictable);
    label.value = isUsable ? usual : columns.find((column) => column.predictable)?.name;
    const used = new Set(features);
    const why = (csv.problem ?? "").replace(/^data csv: the/, "The");
    write(problem, why && `${why}.`);
    boxes.replaceChildren(
      ...columns.map((column) =>
        h(
          "label",
          { class: "check", "data-column": column.name },
          box(column, used),
          h("span", null, column.name),
          h("span", { class: "hint" }, column.kind === "number" ? "" : ` text, ${valuesOf(column)}`),
        ),
      ),
    );
    boxes.classList.toggle("many", columns.length > MANY);
    const left = csv.left_out?.length
      ? `. Left out, a different text in each row: ${csv.left_out.join(", ")}`
      : "";
    write(
      about,
      `${file}${csv.rows ? `: ${csv.rows.toLocaleString("en")} rows` : ""}, ${columns.length} columns${left}`,
    );
  }

  function box(column, used) {
    const made_ = h("input", { type: "checkbox", value: column.name, onchange: () => draw(app.frame, true) });
    made_.checked = used.has(column.name);
    return made_;
  }

  function chosen() {
    return [...boxes.querySelectorAll("input:checked")]
      .map((one) => one.value)
      .filter((name) => name !== label.value);
  }

  async function use() {
    const { csv } = app.choices,
      { test } = app.frame.settings.data;
    const data = { name: "csv", label: label.value, features: chosen(), file: csv.file, digest: csv.digest };
    const answer = await app.act("change", { settings: { data: test === undefined ? data : { ...data, test } } });
    if (answer) csv.problem = "";
    return answer;
  }

  function draw(frame, seen) {
    show(root, seen);
    if (!seen) return;
    const { csv } = app.choices;
    show(chooser, Boolean(csv));
    if (!csv) return;
    show(problem, Boolean(csv.problem) && !isTrained(csv, frame.settings.data));
    const key = JSON.stringify([csv.digest, csv.columns.map((column) => column.name)]);
    if (key !== made) {
      made = key;
      build(csv, frame.settings.data);
    }
    boxes.querySelectorAll("label").forEach((one) => {
      one.firstChild.disabled = one.dataset.column === label.value;
    });
    const { data } = frame.settings,
      features = chosen();
    const same =
      isTrained(csv, data) &&
      data.label === label.value &&
      JSON.stringify(data.features) === JSON.stringify(features);
    apply.disabled = features.length === 0 || same;
    write(apply.querySelector("span"), same ? "Trained on now" : "Train on these columns");
  }

  const ready = () => Boolean(app.choices.csv) && !app.choices.csv.problem;
  return { root, draw, use, ready, ask: () => (app.choices.csv ? label : input).focus() };
}
