// Examples to try: test images with what the network makes of them, a field to draw a digit in, and
// for two features a field to draw points in. Predictions come from the network in Python.
import { button, latest, show, write } from "./elements.js";
import { follow, h, look, percent } from "./look.js";
import { makePoints } from "./points.js";
import { DIGIT_SIDE, INK_SIDE, blank, digitOf, stroke } from "./strokes.js";

const BRUSH = 5;
const PAUSE = 200; // milliseconds between two predictions of the same drawing while training

const wait = (time) =>
  new Promise((done) => {
    window.setTimeout(done, time);
  });

// Shades of ink on the card's colour, as the theme has them.
function shades() {
  const parse = (text) => [1, 3, 5].map((at) => Number.parseInt(text.slice(at, at + 2), 16));
  const [paper, ink] = [look().card, look().text].map(parse);
  return (share) => paper.map((value, place) => Math.round(value + (ink[place] - value) * share));
}

function paintPixels(canvas, side, shareAt) {
  if (canvas.width !== side) {
    canvas.width = side;
    canvas.height = side;
  }
  const context = canvas.getContext("2d"),
    image = context.createImageData(side, side),
    shade = shades();
  for (let place = 0; place < side * side; place += 1) {
    image.data.set([...shade(shareAt(place)), 255], 4 * place);
  }
  context.putImageData(image, 0, 0);
}

export function make(root, app) {
  const section = root.closest("section"),
    title = section.querySelector("h2");
  const parts = { digits: makeDigits(app), points: makePoints(app) };
  root.append(parts.digits.root, parts.points.root);
  let drawing = false;
  document.addEventListener("draw-points", (event) => {
    drawing = event.detail;
    if (drawing) parts.points.open(app.frame);
    draw(app.frame);
    if (drawing) {
      section.scrollIntoView({ block: "nearest" });
    }
  });

  function draw(frame) {
    const drawn = frame.settings.data.name === "drawn";
    if (drawn) drawing = false;
    const points = drawn || drawing,
      digits = Boolean(frame.examples) && !points;
    show(section, points || digits);
    show(parts.digits.root, digits);
    show(parts.points.root, points);
    write(title, points ? "Draw points" : "Digits");
    if (digits) parts.digits.draw(frame);
    if (points) parts.points.draw(frame);
  }
  return { draw };
}

function makeDigits(app) {
  let ink = blank(),
    pixels = null,
    last = null,
    shapes = [],
    key = "";
  const pad = h("canvas", {
    class: "pad",
    role: "img",
    "aria-label": "Field to draw a digit in with a mouse, pen or finger; or choose a test image above",
  });
  const seen = h("canvas", {
    class: "seen",
    role: "img",
    "aria-label": "The 8 by 8 pixels that the network gets",
  });
  const bars = Array.from({ length: 10 }, (_, digit) => {
    const share = h("span", { class: "numbers share" });
    return {
      share,
      row: h("li", null, h("b", null, String(digit)), h("span", { class: "bar" }, h("i", null)), share),
    };
  });
  const verdict = h("p", { class: "verdict" });
  const clear = button(
    "Clear",
    () => {
      ink = blank();
      pixels = null;
      after();
    },
    { class: "plain" },
  );
  const images = h("ul", { class: "images", "aria-label": "Test images" });
  const score = h("p", { class: "hint" });
  const root = h(
    "div",
    { class: "digits" },
    images,
    score,
    h(
      "div",
      { class: "draw-digit" },
      h(
        "div",
        null,
        h(
          "div",
          { class: "pad-box" },
          pad,
          h("span", { class: "pad-hint", "aria-hidden": "true" }, "Draw a digit"),
        ),
        h("div", { class: "row" }, seen, clear),
      ),
      h(
        "div",
        null,
        verdict,
        h(
          "ol",
          { class: "bars", start: "0" },
          bars.map((bar) => bar.row),
        ),
      ),
    ),
  );
  const invitation = root.querySelector(".pad-hint");

  const place = (event) => {
    const box = pad.getBoundingClientRect();
    return [
      ((event.clientX - box.left) / box.width) * INK_SIDE,
      ((event.clientY - box.top) / box.height) * INK_SIDE,
    ];
  };
  pad.addEventListener("pointerdown", (event) => {
    // What was loaded from a test image is not ink.
    if (pixels && !digitOf(ink)) pixels = null;
    pad.setPointerCapture(event.pointerId);
    last = place(event);
    stroke(ink, ...last, ...last, BRUSH);
    after();
  });
  pad.addEventListener("pointermove", (event) => {
    if (!last) return;
    (event.getCoalescedEvents?.() ?? [event]).forEach((one) => {
      const next = place(one);
      stroke(ink, ...last, ...next, BRUSH);
      last = next;
    });
    after();
  });
  ["pointerup", "pointercancel"].forEach((name) =>
    pad.addEventListener(name, () => {
      last = null;
      predict(true);
    }),
  );

  function after() {
    pixels = digitOf(ink) ?? null;
    paint();
    predict();
  }

  function load(image) {
    ink = blank();
    pixels = Float64Array.from(image, (value) => value / 255);
    paint();
    predict(true);
  }

  function paint() {
    const fromImage = pixels && !ink.some((value) => value > 0);
    paintPixels(pad, INK_SIDE, (at) => {
      if (!fromImage) return ink[at] / 255;
      const size = INK_SIDE / DIGIT_SIDE;
      return pixels[
        Math.floor(Math.floor(at / INK_SIDE) / size) * DIGIT_SIDE + Math.floor((at % INK_SIDE) / size)
      ];
    });
    paintPixels(seen, DIGIT_SIDE, (at) => pixels?.[at] ?? 0);
    show(invitation, !pixels);
    clear.disabled = !pixels;
  }

  const predict = latest(async (aloud = false) => {
    if (!pixels) {
      result(null);
      return;
    }
    const answer = await app.act("predict", { values: Array.from(pixels) });
    if (answer && pixels) {
      result(answer);
      if (aloud) {
        app.say(`The network reads ${verdict.textContent}`, "quiet");
      }
    }
    await wait(PAUSE);
  });

  function result(answer) {
    const shares = answer?.probabilities ?? [];
    const best = shares.indexOf(Math.max(...shares));
    write(verdict, answer ? `${best}, ${percent(shares[best])} sure` : "No digit yet.");
    bars.forEach(({ row, share }, digit) => {
      row.classList.toggle("best", digit === best);
      row.style.setProperty("--share", shares[digit] ?? 0);
      write(share, answer ? percent(shares[digit]) : "");
    });
  }
  paint();
  result(null);

  function build(examples) {
    const size = 64;
    shapes = examples.labels.map((_, index) => {
      const canvas = h("canvas", { "aria-hidden": "true" }),
        mark = h("span", { class: "mark" });
      const data = examples.images.data.slice(index * size, (index + 1) * size);
      const one = h("button", { type: "button", class: "image", onclick: () => load(data) }, canvas, mark);
      return {
        one,
        mark,
        paint() {
          paintPixels(canvas, DIGIT_SIDE, (at) => data[at] / 255);
        },
      };
    });
    shapes.forEach((shape) => shape.paint());
    images.replaceChildren(...shapes.map((shape) => h("li", null, shape.one)));
  }
  follow(() => {
    shapes.forEach((shape) => shape.paint());
    paint();
  });

  return {
    root,
    draw(frame) {
      const { examples } = frame;
      const fresh = `${examples.labels.join()} ${examples.images.data.join("").slice(0, 400)}`;
      if (frame.full && fresh !== key) {
        key = fresh;
        build(examples);
      }
      let right = 0;
      shapes.forEach(({ one, mark }, index) => {
        const guess = examples.predicted[index],
          label = examples.labels[index],
          ok = guess === label;
        right += ok ? 1 : 0;
        write(mark, ok ? `${guess} ✓` : `${guess} ✗`);
        one.classList.toggle("wrong", !ok);
        const text = `A ${label}, predicted ${guess}${ok ? "" : ": wrong"}`;
        if (one.title !== text) {
          one.title = text;
          one.setAttribute("aria-label", `${text}. Put it into the field`);
        }
      });
      write(
        score,
        `${right} of these ${shapes.length} test images are right. Press one to put it into the field.`,
      );
      if (pixels) predict();
    },
  };
}
