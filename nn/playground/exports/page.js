// The page around a trained network: a field for its input, and its answer. Names come from files
// of other people, so they are set as text only.

const model = JSON.parse(document.getElementById("model").textContent);
const layers = model.layers.map((layer) =>
  ({ ...layer, weight: floats(layer.weight), bias: floats(layer.bias) }));
const get = (name) => document.getElementById(name);
const isRegression = model.problem === "regression";

/** Return the answer for one row of features in their own units: probabilities, or the value. */
function predict(row) {
  const scaled = row.map((value, i) =>
    (value - model.features[i].mean) / model.features[i].scale);
  const found = outputs(layers, scaled);
  return isRegression
    ? [found[0] * model.target.scale + model.target.mean] : Array.from(softmax(found));
}

// What is shown -------------------------------------------------------------------------------

function element(kind, name = "", text = "") {
  const made = document.createElement(kind);
  if (name) { made.className = name; }
  made.textContent = text;
  return made;
}

const percent = (share) => (share < 0.9995 && share > 0.9945 ? "> 99 %"
  : share > 0 && share < 0.0055 ? "< 1 %" : `${Math.round(100 * share)} %`);
// Four digits of the range: numbers from 999990 to 1000010 need more than four to differ, and what
// rounding left of a 0 is none.
const short = (value, { low, high } = { low: 0, high: 0 }) => {
  if (Math.abs(value) < 1e-6 * (high - low)) { return "0"; }
  const more = Math.floor(Math.log10(Math.abs(value) / (high - low)));
  const digits = Number.isFinite(more) && high > low ? Math.min(15, Math.max(4, 4 + more)) : 4;
  return String(Number(value.toPrecision(digits)));
};

let waiting = 0;
// Speaking every step of a drag would never end.
function say(text) {
  window.clearTimeout(waiting);
  waiting = window.setTimeout(() => { get("said").textContent = text; }, 400);
}

function makeBars() {
  if (isRegression) { return [makeScale()]; }
  const names = model.classes;
  get("bars").classList.toggle("named", names.some((name) => name.length > 2));
  return names.map((name, i) => {
    const line = element("li", model.field === "digits" ? "" : `class-${i % 10}`);
    const track = element("div", "track"), fill = element("div", "fill");
    const share = element("span", "percent");
    track.append(fill);
    line.append(element("span", "name", name), track, share);
    get("bars").append(line);
    return { line, fill, share };
  });
}

// A regression has one bar: from the smallest target of the training data to the largest.
function makeScale() {
  const line = element("li"), track = element("div", "track"), fill = element("div", "fill");
  const ends = element("div", "limits"), { low, high } = model.target;
  get("bars").classList.add("named");
  ends.append(...[low, high].map((end) => element("span", "", short(end, model.target))));
  track.append(fill);
  line.append(track, ends);
  get("bars").append(line);
  return { line, fill, low, high };
}
const bars = makeBars();

function showBars(answer, best) {
  bars.forEach(({ line, fill, share, low = 0, high = 1 }, i) => {
    const part = answer === null ? 0 : (answer[i] - low) / (high - low || 1);
    fill.style.width = `${100 * Math.min(1, Math.max(0, part))}%`;
    if (share) { share.textContent = answer === null ? "–" : percent(answer[i]); }
    line.classList.toggle("best", !isRegression && i === best);
  });
}

function show(answer, doubts) {
  const best = answer === null ? -1 : answer.indexOf(Math.max(...answer));
  showBars(answer, best);
  const texts = [...doubts];
  let text = "–";
  if (answer !== null && isRegression) {
    text = `${model.target.name} = ${short(answer[0], model.target)}`;
  } else if (answer !== null) {
    text = `${model.classes[best]}, ${percent(answer[best])}`;
    const second = answer.reduce((most, share, i) =>
      (i !== best && (most < 0 || share > answer[most]) ? i : most), -1);
    if (answer[best] < 2 * answer[second]) {
      texts.unshift(`Not sure: ${model.classes[best]} (${percent(answer[best])}) or `
        + `${model.classes[second]} (${percent(answer[second])})?`);
    }
  }
  get("answer").textContent = text;
  get("doubt").textContent = texts.join(" ");
  get("doubt").classList.toggle("plain", answer === null);
  say([answer === null ? "" : text, ...texts].filter(Boolean).join(". "));
}

function outside(row) {
  return model.features.flatMap((feature, i) => (row[i] < feature.low || row[i] > feature.high
    ? [`${feature.name} = ${short(row[i], feature)} is outside of the training data, `
      + `${short(feature.low, feature)} to ${short(feature.high, feature)}.`] : []));
}

function showRow(row) {
  const doubts = outside(row);
  show(predict(row), doubts.length > 2
    ? [`${doubts.length} values are outside of the training data.`] : doubts);
}

// Number fields -------------------------------------------------------------------------------

/** Make a field for each column of features; return how to set their values. */
function makeNumbers(root, row, changed) {
  const groups = new Map();
  model.features.forEach((feature, i) =>
    groups.set(feature.column, [...(groups.get(feature.column) || []), i]));
  const puts = Array.from(groups.values(), (places) => {
    const line = element("div", "number");
    root.append(line);
    return model.features[places[0]].text
      ? makeChoice(line, places, row, changed) : makeNumber(line, places[0], row, changed);
  });
  return (typed) => puts.forEach((put) => put(typed));
}

// A column of text: a feature is 1 for its text, and 0 otherwise.
function makeChoice(line, places, row, changed) {
  const first = places[0], label = element("label", "", model.features[first].name);
  const select = element("select");
  label.htmlFor = select.id = `value-${first}`;
  places.forEach((i) => select.append(element("option", "", model.features[i].text)));
  line.append(label, select);
  select.addEventListener("change", () => {
    places.forEach((i, place) => { row[i] = place === select.selectedIndex ? 1 : 0; });
    changed();
  });
  return () => { select.selectedIndex = places.findIndex((i) => row[i] === 1); };
}

function makeNumber(line, i, row, changed) {
  const feature = model.features[i], label = element("label", "", feature.name);
  const slider = element("input"), field = element("input");
  label.htmlFor = field.id = `value-${i}`;
  slider.type = "range";
  field.type = "number";
  slider.min = String(feature.low);
  slider.max = String(feature.high);
  slider.step = field.step = "any";
  slider.disabled = !(feature.low < feature.high);
  slider.setAttribute("aria-label", `${feature.name}, slider`);
  label.append(" ", element("small", "",
    `${short(feature.low, feature)} to ${short(feature.high, feature)}`));
  line.append(label, slider, field);
  slider.addEventListener("input", () => { row[i] = Number(slider.value); changed(); });
  // A slider without steps would not move by the arrow keys in every browser.
  slider.addEventListener("keydown", (event) => {
    const way = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (!way) { return; }
    event.preventDefault();
    const next = row[i] + way * (feature.high - feature.low) / 100;
    row[i] = Math.min(feature.high, Math.max(feature.low, next));
    changed();
  });
  field.addEventListener("input", () => {
    if (field.value === "" || !Number.isFinite(field.valueAsNumber)) {
      show(null, [`${feature.name} is not a number; enter one.`]);
      return;
    }
    row[i] = field.valueAsNumber;
    changed(i);
  });
  return (typed) => {
    slider.value = String(row[i]);
    if (i !== typed) { field.value = short(row[i], feature); }
  };
}

function numbers() {
  const row = model.features.map((feature) => feature.start);
  const changed = (typed) => { put(typed); showRow(row); };
  const put = makeNumbers(get("numbers"), row, changed);
  get("again").addEventListener("click", () => {
    model.features.forEach((feature, i) => { row[i] = feature.start; });
    changed();
  });
  changed();
}
