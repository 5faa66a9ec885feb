// Digits: a field to draw in, what the network gets of it, and test images to take instead.

const RADIUS = 5; // of the pen, in pixels of the field
const PEN_STEP = 4;

function digits() {
  let ink = blank(), last = null;
  const cursor = { x: INK_SIDE / 2, y: INK_SIDE / 2, down: false };
  const sheet = get("ink"), pen = get("pen");

  // Light strokes on a dark ground, as the network gets them.
  function paint(canvas, side, shares) {
    const context = canvas.getContext("2d"), image = context.createImageData(side, side);
    shares.forEach((share, n) => {
      image.data.set([16 + 239 * share, 20 + 235 * share, 24 + 231 * share, 255], 4 * n);
    });
    context.putImageData(image, 0, 0);
  }

  function showPixels(pixels, name) {
    paint(get("seen"), DIGIT_SIDE, pixels || new Float64Array(DIGIT_SIDE * DIGIT_SIDE));
    get("seen").setAttribute("aria-label", `What the network gets: ${pixels ? name : "nothing yet"}`);
    if (pixels === null) {
      show(null, ["Nothing is drawn yet."]);
      return;
    }
    const doubts = pixels.filter((share) => share > 0.5).length < 4
      ? ["That is hardly more than a dot."] : [];
    show(predict(Array.from(pixels)), doubts);
  }

  function redraw() {
    paint(sheet, INK_SIDE, Array.from(ink, (value) => value / 255));
    get("ink-empty").hidden = ink.some(Boolean);
    showPixels(digitOf(ink), "your drawing");
  }

  function clear() {
    ink = blank();
    redraw();
  }

  const at = (event) => {
    const frame = sheet.getBoundingClientRect();
    return { x: INK_SIDE * (event.clientX - frame.left) / frame.width,
      y: INK_SIDE * (event.clientY - frame.top) / frame.height };
  };
  function line(places) {
    places.forEach((to) => {
      stroke(ink, last.x, last.y, to.x, to.y, RADIUS);
      last = to;
    });
    redraw();
  }
  sheet.addEventListener("pointerdown", (event) => {
    sheet.setPointerCapture(event.pointerId);
    pen.hidden = true;
    last = at(event);
    line([last]);
  });
  sheet.addEventListener("pointermove", (event) => {
    if (!last) { return; }
    const events = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    line((events.length ? events : [event]).map(at));
  });
  ["pointerup", "pointercancel"].forEach((kind) =>
    sheet.addEventListener(kind, () => { last = null; }));

  function showPen() {
    pen.hidden = false;
    pen.classList.toggle("down", cursor.down);
    pen.style.left = `${100 * cursor.x / INK_SIDE}%`;
    pen.style.top = `${100 * cursor.y / INK_SIDE}%`;
  }
  sheet.addEventListener("keydown", (event) => {
    const way = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const isDelete = event.key === "Delete" || event.key === "Backspace";
    if (!way && !isDelete && event.key !== " ") { return; }
    event.preventDefault();
    if (isDelete) {
      cursor.down = false;
      showPen();
      clear();
      return;
    }
    if (event.key === " ") { cursor.down = !cursor.down; }
    const from = { ...cursor };
    const kept = (value) => Math.min(INK_SIDE - RADIUS, Math.max(RADIUS, value));
    cursor.x = kept(cursor.x + PEN_STEP * (way ? way[0] : 0));
    cursor.y = kept(cursor.y + PEN_STEP * (way ? way[1] : 0));
    showPen();
    if (cursor.down) {
      stroke(ink, from.x, from.y, cursor.x, cursor.y, RADIUS);
      redraw();
    }
    if (event.key === " ") { say(cursor.down ? "pen down" : "pen up"); }
  });
  sheet.addEventListener("focus", () => { if (sheet.matches(":focus-visible")) { showPen(); } });
  sheet.addEventListener("blur", () => { pen.hidden = true; });
  get("clear").addEventListener("click", clear);

  model.examples.forEach(({ label, pixels }) => {
    const button = element("button"), picture = element("canvas");
    const shares = Float64Array.from(atob(pixels), (letter) => letter.charCodeAt(0) / 16);
    picture.width = picture.height = DIGIT_SIDE;
    paint(picture, DIGIT_SIDE, shares);
    button.type = "button";
    button.append(picture, label);
    button.setAttribute("aria-label", `A test image of ${label}`);
    button.addEventListener("click", () => {
      ink = blank();
      paint(sheet, INK_SIDE, Array.from(ink));
      get("ink-empty").hidden = false;
      showPixels(shares, `a test image of ${label}`);
    });
    get("examples").append(button);
  });
  redraw();
}
