// Moves between the steps of the page. All texts are in the document already; this script shows,
// hides and lights parts. The page stops at each step, or once for each operation ("stops").
(function () {
  "use strict";
  const page = document.documentElement;
  const get = (name) => document.getElementById(name);
  const all = (selector, within) => Array.from((within || document).querySelectorAll(selector));
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");
  const printing = window.matchMedia("print");
  // In the frame of a notebook, a link would load the notebook itself into the frame.
  const linkable = window.location.protocol !== "about:";
  const DELAY = 2600;
  const LEAST = 0.38, MOST = 1.25, FAR = 0.75, FACTOR = 1.2;

  page.classList.add("js");
  all("[data-figure]:empty").forEach((box) => box.remove());

  const stepsIn = (text) => {
    const found = new Set();
    (text || "").split(" ").filter(Boolean).forEach((run) => {
      const ends = run.split("-").map(Number);
      for (let step = ends[0]; step <= ends[ends.length - 1]; step += 1) { found.add(step); }
    });
    return found;
  };
  const timed = all("[data-from],[data-to]").map((part) => ({
    part: part,
    from: part.dataset.from ? Number(part.dataset.from) : 0,
    to: part.dataset.to ? Number(part.dataset.to) : Infinity,
    detail: part.dataset.detail || "both",
  }));
  const lights = all("[data-lit],[data-ring],[data-lit-op],[data-ring-op]").map((part) => {
    const own = part.dataset;
    const lit = stepsIn(own.lit), ring = stepsIn(own.ring);
    return {
      part: part,
      edge: { lit: lit, ring: ring },
      op: {
        lit: "litOp" in own ? stepsIn(own.litOp) : lit,
        ring: "ringOp" in own ? stepsIn(own.ringOp) : ring,
      },
    };
  });
  const panels = all(".panel");
  const stops = { op: [], edge: [] };
  panels.forEach((panel) => {
    const step = Number(panel.dataset.from), detail = panel.dataset.detail;
    if (detail !== "edge") { stops.op.push(step); }
    if (detail !== "op") { stops.edge.push(step); }
  });
  const figures = {};
  all("[data-figure]").forEach((box) => {
    const svg = box.querySelector("svg");
    figures[box.dataset.figure] = {
      box: box,
      svg: svg,
      width: svg.viewBox.baseVal.width,
      height: svg.viewBox.baseVal.height,
      nodes: all("g.node", svg),
    };
  });

  const state = { position: 0, detail: "op", view: "ops", node: "", zoom: 0, timer: 0, keys: true,
    opened: false };
  const canvas = get("canvas"), slider = get("slider"), spoken = get("said");

  const stepNow = () => stops[state.detail][state.position];
  const panelAt = (step) => panels.find((panel) => Number(panel.dataset.from) === step
    && (panel.dataset.detail === "both" || panel.dataset.detail === state.detail));
  const set = (part, name, on) => part.classList.toggle(name, on);

  function paint(step) {
    timed.forEach((one) => {
      const seen = one.from <= step && step <= one.to
        && (one.detail === "both" || one.detail === state.detail);
      set(one.part, "off", !seen);
    });
    lights.forEach((one) => {
      const own = one[state.detail];
      set(one.part, "lit", own.lit.has(step));
      set(one.part, "ring", own.ring.has(step));
    });
  }

  function say() {
    const playing = state.timer !== 0;
    spoken.setAttribute("aria-live", playing ? "off" : "polite");
    if (!playing) {
      const sentence = panelAt(stepNow()).querySelector(".sentence").textContent;
      if (spoken.textContent !== sentence) { spoken.textContent = sentence; }
    }
  }

  function remember() {
    if (!linkable) { return; }
    const parts = ["step=" + (state.position + 1), "view=" + state.view, "detail=" + state.detail];
    if (state.node) { parts.push("node=" + state.node); }
    try {
      window.history.replaceState(null, "", "#" + parts.join("&"));
    } catch (refused) {
      // The page also works without a step in its address.
    }
  }

  function show() {
    const many = stops[state.detail].length;
    state.position = Math.max(0, Math.min(many - 1, state.position));
    const step = stepNow(), panel = panelAt(step);
    paint(step);
    page.dataset.phase = panel.dataset.kind;
    slider.max = String(many);
    slider.value = String(state.position + 1);
    slider.setAttribute("aria-valuetext",
      "Step " + (state.position + 1) + " of " + many + ": " + panel.dataset.label);
    get("now").textContent = String(state.position + 1);
    get("all").textContent = String(many);
    ["first", "previous"].forEach((name) => disable(get(name), state.position === 0));
    ["next", "last"].forEach((name) => disable(get(name), state.position === many - 1));
    all(".phase").forEach((button) => {
      const here = button.dataset.phase === panel.dataset.kind
        || (button.dataset.phase === "backward" && panel.dataset.kind === "seed");
      button.setAttribute("aria-pressed", String(here));
    });
    get("panel").scrollTop = 0;
    say();
    remember();
    reveal();
  }

  // Disabling the focused button would take the focus, and keys would stop working.
  function disable(button, on) {
    if (on && document.activeElement === button) {
      const other = get(button.id === "next" || button.id === "last" ? "previous" : "next");
      other.disabled = false;
      button.disabled = on;
      other.focus();
    }
    button.disabled = on;
  }

  const jumps = () => still.matches || state.timer || !state.opened;

  function scrollTo(box, top, left) {
    box.scrollTo({ top: top, left: left, behavior: jumps() ? "auto" : "smooth" });
  }

  // Scrolls lit nodes into the middle of the pane, unless all of them are visible.
  function reveal(parts) {
    const own = figures[state.view];
    let nodes = parts || all("g.node.lit", own.svg);
    if (!nodes.length) {
      if (stepNow() === 0) { scrollTo(canvas, 0, 0); }
      return;
    }
    const frame = canvas.getBoundingClientRect();
    const extent = (list) => {
      const boxes = list.map((node) => node.getBoundingClientRect());
      return {
        top: Math.min.apply(null, boxes.map((box) => box.top)) - frame.top - 14,
        bottom: Math.max.apply(null, boxes.map((box) => box.bottom)) - frame.top + 14,
        left: Math.min.apply(null, boxes.map((box) => box.left)) - frame.left - 14,
        right: Math.max.apply(null, boxes.map((box) => box.right)) - frame.left + 14,
      };
    };
    // Includes ringed nodes if there is room for them.
    if (!parts) {
      const more = nodes.concat(all("g.node.ring", own.svg)), whole = extent(more);
      if (whole.bottom - whole.top <= canvas.clientHeight
        && whole.right - whole.left <= canvas.clientWidth) { nodes = more; }
    }
    const box = extent(nodes);
    const inside = box.top >= 0 && box.left >= 0
      && box.bottom <= canvas.clientHeight && box.right <= canvas.clientWidth;
    if (inside) { return; }
    const lead = nodes.find((node) => node.classList.contains("op")) || nodes[0];
    const fits = box.bottom - box.top <= canvas.clientHeight
      && box.right - box.left <= canvas.clientWidth;
    const middle = fits ? box : extent([lead]);
    // Sideways no further than needed, so that the picture jumps less.
    const aside = middle.left < 0 ? middle.left : Math.max(0, middle.right - canvas.clientWidth);
    scrollTo(canvas,
      canvas.scrollTop + (middle.top + middle.bottom - canvas.clientHeight) / 2,
      canvas.scrollLeft + aside);
  }

  const go = (position) => { state.position = position; show(); };

  function goToStep(step) {
    const here = stops[state.detail];
    const found = here.findIndex((one) => one >= step);
    state.position = found < 0 ? here.length - 1 : found;
  }

  function phase(kind) {
    const kinds = kind === "backward" ? ["seed", "backward"] : [kind];
    const found = panels.find((panel) => kinds.includes(panel.dataset.kind));
    if (found) {
      goToStep(Number(found.dataset.from));
      show();
    }
  }

  function play(on) {
    window.clearInterval(state.timer);
    state.timer = 0;
    if (on) {
      if (state.position === stops[state.detail].length - 1) { state.position = -1; }
      const advance = () => {
        if (state.position >= stops[state.detail].length - 2) {
          window.clearInterval(state.timer);
          state.timer = 0;
          set(get("play-on"), "off", false);
          set(get("play-off"), "off", true);
        }
        go(state.position + 1);
      };
      state.timer = window.setInterval(advance, DELAY / Number(get("speed").value));
      if (state.position < 0) { go(0); }
    }
    set(get("play-on"), "off", state.timer !== 0);
    set(get("play-off"), "off", state.timer === 0);
    say();
  }

  // The whole picture, unless its names could not be read any more.
  function fitted() {
    const own = figures[state.view];
    const whole = Math.min((canvas.clientWidth - 4) / own.width, (canvas.clientHeight - 4) / own.height);
    return Math.max(LEAST, Math.min(MOST, whole));
  }

  function zoom(to) {
    state.zoom = to ? Math.max(0.3, Math.min(4, to)) : 0;
    const scale = state.zoom || fitted(), own = figures[state.view];
    own.svg.setAttribute("width", String(Math.round(own.width * scale)));
    own.svg.setAttribute("height", String(Math.round(own.height * scale)));
    set(own.svg, "far", scale < FAR);
    get("percent").textContent = String(Math.round(scale * 100));
  }

  function view(name) {
    if (!figures[name]) { return; }
    state.view = name;
    Object.keys(figures).forEach((one) => set(figures[one].box, "off", one !== name));
    all(".view").forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.view === name)));
    zoom(state.zoom);
  }

  function by(detail) {
    const step = stepNow();
    state.detail = detail;
    all(".by").forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.by === detail)));
    goToStep(step);
  }

  const plain = (node) => node.id.replace(/^L-/, "");

  function rove(node) {
    figures[state.view].nodes.forEach((one) => one.setAttribute("tabindex", one === node ? "0" : "-1"));
  }

  // Selects a node by its id, or none; the node need not have details.
  function select(name) {
    let known = false;
    all("g.node").forEach((node) => {
      const chosen = name !== "" && plain(node) === name;
      known = known || chosen;
      set(node, "chosen", chosen);
      node.setAttribute("aria-pressed", String(chosen));
    });
    let hasDetails = false;
    all(".detail").forEach((one) => {
      const own = known && one.dataset.node === name;
      hasDetails = hasDetails || own;
      set(one, "off", !own);
    });
    all("tr[data-row]").forEach((row) => set(row, "chosen", row.dataset.row === name));
    set(get("about"), "off", !hasDetails);
    get("details").scrollTop = 0;
    state.node = known ? name : "";
    remember();
  }

  function walk(node, key) {
    const own = figures[state.view], place = own.nodes.indexOf(node);
    let other = null;
    if (key === "ArrowUp" || key === "ArrowDown") {
      const names = key === "ArrowUp" ? node.dataset.inputs : node.dataset.next;
      other = names ? get(names.split(" ")[0]) : null;
    } else {
      other = own.nodes[place + (key === "ArrowRight" ? 1 : -1)];
    }
    if (other) { focusNode(other); }
  }

  function focusNode(node) {
    rove(node);
    node.focus({ preventScroll: true });
    reveal([node]);
  }

  let hits = [], hit = -1;
  function search(text) {
    const wanted = text.trim().toLowerCase();
    hits = figures[state.view].nodes.filter((node) => wanted !== ""
      && node.getAttribute("aria-label").split(",")[0].toLowerCase().includes(wanted));
    all("g.node").forEach((node) => set(node, "found", hits.includes(node)));
    get("hits").textContent = String(hits.length);
    set(get("hits-line"), "off", wanted === "");
    hit = -1;
    if (hits.length) { reveal([hits[0]]); }
  }

  function readAddress() {
    if (!linkable) { return; }
    const asked = new URLSearchParams(window.location.hash.slice(1));
    const detail = asked.get("detail"), step = asked.get("step") || "", wanted = asked.get("view");
    if ((detail === "op" || detail === "edge") && detail !== state.detail) { by(detail); }
    if (wanted === "ops" || wanted === "layers") { view(wanted); }
    if (/^\d{1,6}$/.test(step)) { state.position = Number(step) - 1; }
    const node = asked.get("node") || "";
    if (/^[a-z]\d{1,6}$/.test(node)) { select(node); }
  }

  // Saves the picture alone: hidden parts are omitted, colours become attributes.
  function download() {
    const own = figures[state.view].svg, isFar = own.classList.contains("far");
    set(own, "far", false);
    const copy = own.cloneNode(true);
    const originals = [own].concat(all("*", own)), copies = [copy].concat(all("*", copy));
    originals.forEach((part, place) => {
      const look = window.getComputedStyle(part);
      ["fill", "stroke", "stroke-width", "font-family", "font-size"].forEach((name) => {
        if (/^(text|path|rect|ellipse)$/.test(part.localName)) {
          copies[place].setAttribute(name, look.getPropertyValue(name));
        }
      });
      copies[place].removeAttribute("tabindex");
    });
    set(own, "far", isFar);
    all(".off", copy).forEach((part) => part.remove());
    const text = new XMLSerializer().serializeToString(copy);
    const address = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
    const link = document.createElement("a");
    link.href = address;
    link.download = "step-" + (state.position + 1) + ".svg";
    link.click();
    window.setTimeout(() => URL.revokeObjectURL(address), 10000);
  }

  function copyLink() {
    const done = () => {
      set(get("copy-ask"), "off", true);
      set(get("copied"), "off", false);
      window.setTimeout(() => {
        set(get("copy-ask"), "off", false);
        set(get("copied"), "off", true);
      }, 1500);
    };
    const byHand = () => {
      get("link").value = window.location.href;
      get("linking").showModal();
      get("link").select();
    };
    try {
      navigator.clipboard.writeText(window.location.href).then(done, byHand);
    } catch (missing) {
      byHand();
    }
  }

  const scaled = (factor) => zoom((state.zoom || fitted()) * factor);
  const commands = {
    ArrowRight: () => go(state.position + 1), n: () => go(state.position + 1),
    ArrowLeft: () => go(state.position - 1), p: () => go(state.position - 1),
    Home: () => go(0), End: () => go(Infinity),
    " ": () => play(state.timer === 0),
    f: () => phase("forward"), b: () => phase("backward"),
    "/": () => get("search").focus(),
    "+": () => scaled(FACTOR), "=": () => scaled(FACTOR), "-": () => scaled(1 / FACTOR),
    "0": () => zoom(0),
    "?": () => get("helping").showModal(),
  };

  // The space bar presses a button that was focused by keys, but not one that was clicked: that one
  // only happens to have the focus.
  let pointed = null;
  document.addEventListener("pointerdown", (event) => { pointed = event.target.closest("button"); });
  document.addEventListener("focusin", (event) => { if (event.target !== pointed) { pointed = null; } });
  document.addEventListener("keyup", (event) => {
    if (event.key === " " && pointed !== null && event.target === pointed) { event.preventDefault(); }
  });

  // Listens on the whole page: in a notebook, the frame gets keys only while it has the focus.
  document.addEventListener("keydown", (event) => {
    const target = event.target, key = event.key;
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) { return; }
    if (key === "Escape") {
      if (target === get("search")) { target.value = ""; search(""); }
      select("");
      return;
    }
    const node = target.closest ? target.closest("g.node") : null;
    if (node && ["Enter", " "].includes(key)) {
      event.preventDefault();
      select(plain(node) === state.node ? "" : plain(node));
      return;
    }
    if (node && key.startsWith("Arrow")) {
      event.preventDefault();
      walk(node, key);
      return;
    }
    if (target === get("search")) {
      if (key === "Enter" && hits.length) {
        hit = (hit + 1) % hits.length;
        rove(hits[hit]);
        reveal([hits[hit]]);
        select(plain(hits[hit]));
      }
      return;
    }
    if (!state.keys || !commands[key] || target.matches("select,input:not(#slider)")) { return; }
    if (target === slider && (key.startsWith("Arrow") || key === "Home" || key === "End")) { return; }
    if (key === " " && target.matches("button,.scroll,.wide") && target !== pointed) { return; }
    event.preventDefault();
    commands[key]();
  });

  const onClick = {
    first: commands.Home, previous: commands.p, next: commands.n, last: commands.End,
    play: commands[" "], smaller: commands["-"], fit: commands["0"], larger: commands["+"],
    help: commands["?"], copy: copyLink, download: download, close: () => select(""),
    helped: () => get("helping").close(), linked: () => get("linking").close(),
  };
  Object.keys(onClick).forEach((name) => get(name).addEventListener("click", onClick[name]));
  all(".phase").forEach((button) => button.addEventListener("click", () => phase(button.dataset.phase)));
  all(".view").forEach((button) => button.addEventListener("click", () => { view(button.dataset.view); show(); }));
  all(".by").forEach((button) => button.addEventListener("click", () => { by(button.dataset.by); show(); }));
  all("g.node").forEach((node) => node.addEventListener("click", () => {
    rove(node);
    select(plain(node) === state.node ? "" : plain(node));
  }));
  slider.addEventListener("input", () => go(Number(slider.value) - 1));
  get("speed").addEventListener("change", () => { if (state.timer) { play(true); } });
  get("search").addEventListener("input", () => search(get("search").value));
  get("theme").addEventListener("change", () => {
    if (get("theme").value) { page.dataset.theme = get("theme").value; } else { delete page.dataset.theme; }
  });
  get("shortcuts").addEventListener("change", () => { state.keys = get("shortcuts").checked; });
  window.addEventListener("hashchange", () => { readAddress(); show(); });
  window.addEventListener("resize", () => { if (!state.zoom) { zoom(0); } });
  // Prints the finished figure, because paper has no steps.
  const onPaper = (paper) => paint(paper ? Infinity : stepNow());
  printing.addEventListener("change", () => onPaper(printing.matches));
  window.addEventListener("beforeprint", () => onPaper(true));
  window.addEventListener("afterprint", () => onPaper(false));

  // Screen readers read a table, although narrow screens show it as a list.
  const roles = { table: "table", tr: "row", td: "cell", "th[scope=col]": "columnheader",
    "th[scope=row]": "rowheader" };
  Object.keys(roles).forEach((part) => all(part).forEach((one) => one.setAttribute("role", roles[part])));

  // On a narrow screen, what is rarely needed comes last.
  const narrow = window.matchMedia("(max-width: 36rem)");
  const settle = () => { (narrow.matches ? document.body : get("head")).append(get("extras")); };
  narrow.addEventListener("change", settle);
  settle();

  get("copy").hidden = !linkable;
  Object.keys(figures).forEach((name) => {
    if (figures[name].nodes.length) { figures[name].nodes[0].setAttribute("tabindex", "0"); }
  });
  zoom(0);
  readAddress();
  show();
  state.opened = true;
}());
