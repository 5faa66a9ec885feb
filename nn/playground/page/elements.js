// Parts that panels are made of: buttons with icons, fields with labels, dialogs; and how a frame
// changes them without disturbing a person. No module keeps state here.
import { h, svg } from "./look.js";

// One path for each icon, in a box of 16 by 16, drawn in the colour of the text.
const ICONS = {
  play: "M4 2.5v11l9.5-5.5z",
  pause: "M4 2.5h3v11H4zM9 2.5h3v11H9z",
  next: "M3 3v10l7-5zM11.2 3h1.8v10h-1.8z",
  back: "M13 3v10L6 8zM3 3h1.8v10H3z",
  first: "M14 3v10L8.5 8zM8.5 3v10L3 8zM2 3h1v10H2z",
  last: "M2 3v10l5.5-5zM7.5 3v10L13 8zM13 3h1v10h-1z",
  restart: "M8 2a6 6 0 1 1-5.7 4.2l1.7.5A4.2 4.2 0 1 0 8 3.8V6L4.4 3 8 0z",
  dice: "M2 2h12v12H2zM3.6 3.6v8.8h8.8V3.6zM5 5h2v2H5zM9 9h2v2H9zM9 5h2v2H9zM5 9h2v2H5z",
  out: "M2 3h6v1.6H3.6v7.8h7.8V8H13v6H2zM9 2h5v5h-1.6V4.8L7.6 9.6 6.4 8.4l4.8-4.8H9z",
  save: "M7.2 1.5h1.6v7l2.6-2.6 1.1 1.1L8 11.5 3.5 7l1.1-1.1 2.6 2.6zM2 12.5h12V14H2z",
  link:
    "M6.5 11.9 5.2 13.2a2.6 2.6 0 0 1-3.7-3.7l2.8-2.8a2.6 2.6 0 0 1 3.7 0l-1 1a1.2 1.2 0 0 0-1.7 0L2.5 " +
    "10.5a1.2 1.2 0 0 0 1.7 1.7l1.3-1.3zM9.5 4.1l1.3-1.3a2.6 2.6 0 0 1 3.7 3.7l-2.8 2.8a2.6 2.6 0 0 1-3.7 " +
    "0l1-1a1.2 1.2 0 0 0 1.7 0l2.8-2.8a1.2 1.2 0 0 0-1.7-1.7l-1.3 1.3z",
  keys: "M1 3.5h14v9H1zM2.5 5v6h11V5zM4 6h1.5v1.5H4zM7.2 6h1.5v1.5H7.2zM10.5 6H12v1.5h-1.500zM5 8.700h6v1.300H5z",
  plus: "M7.2 2.500h1.600v4.700h4.700v1.600H8.800v4.700H7.200V8.800H2.500V7.200h4.700z",
  minus: "M2.5 7.200h11v1.600h-11z",
  remove:
    "M3.7 2.6 8 6.900l4.3-4.3 1.1 1.100L9.1 8l4.3 4.3-1.1 1.100L8 9.100l-4.3 4.3-1.1-1.100L6.9 8 2.6 3.700z",
  frozen: "M4.5 7V5a3.5 3.5 0 0 1 7 0v2H13v7H3V7zM6 7h4V5a2 2 0 0 0-4 0z",
  free: "M4.5 7V4.500a3.5 3.5 0 0 1 6.8-1.100l-1.5.5A2 2 0 0 0 6 4.500V7h7v7H3V7z",
  undo: "M6 2.500v3h3.500a4.5 4.5 0 0 1 0 9H5V13h4.500a3 3 0 0 0 0-6H6v3L1.5 6.200z",
};

export function icon(name) {
  return svg(
    "svg",
    { class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: ICONS[name], "fill-rule": "evenodd" }),
  );
}

// A button with an icon and a word; on narrow screens the style sheet hides the word, not its name.
export function button(word, action, { image, ...attributes } = {}) {
  const { class: extra = "", ...others } = attributes;
  return h(
    "button",
    { type: "button", class: `button ${extra}`.trim(), onclick: action, ...others },
    image ? icon(image) : null,
    word ? h("span", { class: image ? "word" : null }, word) : null,
  );
}

// A label above its control.
export function field(text, input, after = null) {
  return h("label", { class: "field" }, h("span", null, text), input, after);
}

// A choice that is refused goes back to what it was.
export function select(options, action, attributes = {}) {
  let held = null;
  const input = h("select", {
    onfocus: () => {
      held = input.value;
    },
    onchange: async () => {
      const before = held;
      held = input.value;
      if ((await action(input.value)) === null && before !== null) input.value = held = before;
    },
    ...attributes,
  });
  choose(input, options);
  return input;
}

export function choose(input, options) {
  input.replaceChildren(...options.map(([value, text]) => h("option", { value }, text)));
}

// Frames never overwrite a field that a person is using.
export function put(input, value) {
  if (document.activeElement === input || input.matches(":active")) return;
  const text = String(value);
  if (input.value !== text) input.value = text;
}

export function write(part, text) {
  if (part.textContent === text) return;
  // Another text in the same node costs less than another node.
  const { firstChild: node, lastChild } = part;
  if (node && node === lastChild && node.nodeType === Node.TEXT_NODE) node.data = text;
  else part.textContent = text;
}

export function show(part, seen) {
  if (part.hidden === seen) part.hidden = !seen;
}

// Fit a canvas to its box and return its context, in CSS pixels.
export function fit(canvas, width, height) {
  const ratio = devicePixelRatio || 1;
  const wide = Math.max(1, Math.round(width * ratio)),
    high = Math.max(1, Math.round(height * ratio));
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

// Run one call at a time; of the calls that arrive meanwhile, only the last one runs.
export function latest(call) {
  let running = false,
    waiting = null;
  return async function ask(...values) {
    if (running) {
      waiting = values;
      return;
    }
    running = true;
    try {
      await call(...values);
    } finally {
      running = false;
    }
    if (waiting) {
      const next = waiting;
      waiting = null;
      ask(...next);
    }
  };
}

// Open a dialog once; it leaves the document when it closes, and the focus returns by itself.
export function openDialog(title, ...children) {
  const dialog = h(
    "dialog",
    { "aria-labelledby": "sheet-title", class: "sheet" },
    h(
      "form",
      { method: "dialog", class: "sheet-head" },
      h("h2", { id: "sheet-title" }, title),
      h("button", { class: "button icon", "aria-label": "Close" }, icon("remove")),
    ),
    ...children,
  );
  dialog.addEventListener("close", () => dialog.remove());
  // A click on the backdrop arrives at the dialog itself.
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) {
      dialog.close();
    }
  });
  document.getElementById("dialogs").append(dialog);
  dialog.showModal();
  return dialog;
}
