// The time of a run: a slider over the steps of the line of branches that is shown, and the tree of
// all branches. Going back computes nothing here; the server replays and sends the frame.
import { button, latest, show, write } from "./elements.js";
import { h, number, svg } from "./look.js";

const NEAR = 1,
  FAR = 10;
const ROW = 30,
  WIDE = 1000,
  EDGE = 12; // of the tree, in its own units

// The parts of the line that leads to a branch, as far as the branch goes: [[branch, from, to], ...].
function lineOf(branches, id) {
  const found = [];
  let branch = branches.find((one) => one.id === id),
    end = branch?.last ?? 0;
  while (branch) {
    found.unshift([branch.id, branch.at, end]);
    end = branch.at;
    const { parent } = branch;
    branch = parent === null ? null : branches.find((one) => one.id === parent);
  }
  return found;
}

// Where a step lies on a line. At the step where a branch begins, the younger one counts, because
// its change was made there; steps before it belong to the older one.
export function placeOn(line, step) {
  const parts = line.filter(([, from, to]) => from <= step && step <= to);
  const last = line[line.length - 1] ?? [0, 0, 0];
  return [parts.length ? parts[parts.length - 1][0] : last[0], step];
}

const holds = (line, branch, step) =>
  line.some(([id, from, to]) => id === branch && from <= step && step <= to);
const onTheWay = ({ done, of: goal }) =>
  `On the way to step ${goal.toLocaleString("en")}: ${Math.floor((100 * done) / Math.max(1, goal))} %. Any command stops it.`;
const named = (branch) => (branch.parent === null ? "Start" : branch.what);

export function make(root, app) {
  // The tip of the line that the slider covers. Scrubbing back over a branch's beginning keeps it, so
  // that the way forward leads to the same branch again.
  let tip = 0,
    line = [[0, 0, 0]],
    dragging = false,
    spoken = "";
  const slider = h("input", {
    type: "range",
    min: 0,
    max: 1,
    step: 1,
    value: 0,
    "aria-label": "Step",
    oninput: () => scrub(Number(slider.value)),
    onchange: () => {
      dragging = false;
    },
  });
  const place = h("span", { class: "place numbers" });
  const epoch = h("span", { class: "epoch" });
  const far = h("span", null);
  const loss = h("span", { class: "loss" });
  const reached = h("span", { class: "reached numbers" }, epoch, far, loss);
  const marks = h("span", { class: "marks", "aria-hidden": "true" });
  const first = button("", () => go(0), {
    image: "first",
    class: "icon plain",
    "aria-label": "To step 0",
    title: "To step 0 (Home)",
  });
  const last = button("", () => go(end()), {
    image: "last",
    class: "icon plain",
    "aria-label": "To the last step",
    title: "To the last step that was reached (End)",
  });
  const list = h("ol", { class: "branches" });
  const progress = h("span", { class: "on-the-way" });
  const tree = h(
    "details",
    { class: "tree", open: true, hidden: true },
    h("summary", null, "Branches ", h("span", { class: "badge" }), progress),
    list,
  );
  const advice = h("p", { class: "hint advice" });
  root.setAttribute("role", "region");
  root.setAttribute("aria-label", "Timeline");
  root.append(
    h("div", { class: "track" }, place, first, h("div", { class: "rail" }, slider, marks), last, reached),
    advice,
    tree,
  );

  const end = () => line[line.length - 1][2];
  const seek = latest(async (branch, step) => {
    if (app.frame.playing) await app.act("pause");
    await app.act("seek", { branch, step });
  });
  const go = (step) => {
    const [branch, at] = placeOn(line, Math.max(0, Math.min(end(), step)));
    slider.value = at;
    seek(branch, at);
  };
  const scrub = (step) => {
    dragging = true;
    write(place, `Step ${step}`);
    seek(...placeOn(line, step));
  };

  slider.addEventListener("pointerdown", () => {
    dragging = true;
  });
  ["pointerup", "pointercancel", "blur"].forEach((name) =>
    slider.addEventListener(name, () => {
      dragging = false;
    }),
  );
  slider.addEventListener("keydown", (event) => {
    const now = Number(slider.value),
      leap = Math.max(FAR, Math.round(end() / 10));
    const near = event.shiftKey ? FAR : NEAR;
    const to = {
      ArrowLeft: now - near,
      ArrowDown: now - near,
      ArrowRight: now + near,
      ArrowUp: now + near,
      PageUp: now + leap,
      PageDown: now - leap,
      Home: 0,
      End: end(),
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    go(to);
  });

  function open(branch, step) {
    tip = branch.id;
    line = lineOf(app.frame.branches, tip);
    seek(branch.id, step);
  }

  let drawnTree = "";
  function drawTree(frame) {
    const most = Math.max(1, ...frame.branches.map((branch) => branch.last));
    const key = JSON.stringify([frame.branches, frame.branch, line]);
    if (key !== drawnTree) {
      drawnTree = key;
      const focused = list.contains(document.activeElement) ? document.activeElement.dataset.branch : null;
      list.replaceChildren(...frame.branches.map((branch, row) => rowOf(frame, branch, row, most)));
      // Within the list alone: the page does not move.
      const current = list.querySelector(".current");
      if (current) {
        const below = current.offsetTop + current.offsetHeight - list.offsetTop;
        if (below > list.scrollTop + list.clientHeight) list.scrollTop = below - list.clientHeight;
        if (current.offsetTop - list.offsetTop < list.scrollTop)
          list.scrollTop = current.offsetTop - list.offsetTop;
      }
      if (focused !== null) {
        list.querySelector(`[data-branch="${focused}"]`)?.focus();
      }
    }
  }

  function rowOf(frame, branch, row, most) {
    const at = (step) => EDGE + ((WIDE - 2 * EDGE) * step) / most;
    const parent = frame.branches.findIndex((one) => one.id === branch.parent);
    const part = line.find(([id]) => id === branch.id),
      current = branch.id === frame.branch;
    const y = ROW / 2,
      steps = branch.last === branch.at ? `step ${branch.at}` : `steps ${branch.at} to ${branch.last}`;
    const picture = svg(
      "svg",
      {
        viewBox: `0 0 ${WIDE} ${ROW}`,
        preserveAspectRatio: "none",
        "aria-hidden": "true",
        onclick: (event) => {
          const box = picture.getBoundingClientRect();
          const step = Math.round(
            ((((event.clientX - box.left) / box.width) * WIDE - EDGE) / (WIDE - 2 * EDGE)) * most,
          );
          open(branch, Math.max(branch.at, Math.min(branch.last, step)));
        },
      },
      // The ways of younger branches pass through this row on their way down.
      ...frame.branches.map((other, below) => {
        const above = frame.branches.findIndex((one) => one.id === other.parent);
        if (above < 0 || row < above || row > below) return null;
        return svg("path", {
          class: "way",
          d: `M${at(other.at)} ${row === above ? y : 0}V${row === below ? y : ROW}`,
        });
      }),
      svg("path", {
        class: "span",
        d: `M${at(branch.at)} ${y}H${Math.max(at(branch.last), at(branch.at) + 1)}`,
      }),
      part
        ? svg("path", {
            class: "span on",
            d: `M${at(part[1])} ${y}H${Math.max(at(part[2]), at(part[1]) + 1)}`,
          })
        : null,
    );
    return h(
      "li",
      { class: current ? "current" : null },
      h(
        "button",
        {
          type: "button",
          class: "branch",
          "data-branch": branch.id,
          "aria-current": current ? "true" : null,
          title: `${named(branch)}: ${steps}${parent < 0 ? "" : `, from branch ${branch.parent}`}`,
          onclick: () => open(branch, branch.last),
        },
        h("b", null, String(branch.id)),
        " ",
        h("span", { class: "what" }, named(branch)),
        h("span", { class: "unseen" }, `, ${steps}`),
      ),
      h("div", { class: "lane-of" }, picture, current ? h("i", { class: "dot" }) : null),
    );
  }

  function drawDot(frame) {
    const dot = list.querySelector(".dot");
    const most = Math.max(1, ...frame.branches.map((branch) => branch.last));
    if (dot) {
      dot.style.left = `${(100 * (EDGE + ((WIDE - 2 * EDGE) * frame.step) / most)) / WIDE}%`;
    }
  }

  let drawnMarks = "";
  function drawMarks(frame) {
    const key = JSON.stringify(line);
    if (key === drawnMarks) return;
    drawnMarks = key;
    marks.replaceChildren(
      ...line.slice(1).map(([, from]) => {
        const mark = h("i", null);
        mark.style.left = `${(100 * from) / Math.max(1, end())}%`;
        return mark;
      }),
    );
  }

  return {
    draw(frame) {
      const known = frame.branches.some((branch) => branch.id === tip);
      const fresh = known ? lineOf(frame.branches, tip) : [];
      if (!known || !holds(fresh, frame.branch, frame.step)) {
        tip = frame.branch;
        line = lineOf(frame.branches, tip);
      } else {
        line = fresh;
      }
      const most = String(Math.max(1, end()));
      if (slider.max !== most) slider.max = most;
      if (!dragging) {
        if (Number(slider.value) !== frame.step) slider.value = frame.step;
        write(place, `Step ${frame.step.toLocaleString("en")}`);
      }
      const branch = frame.branches.find((one) => one.id === frame.branch);
      const text =
        `step ${frame.step} of ${end()}, epoch ${Math.floor(frame.epoch)}` +
        (frame.branches.length > 1 ? `, branch ${frame.branch}: ${named(branch)}` : "");
      if (text !== spoken) slider.setAttribute("aria-valuetext", (spoken = text));
      write(epoch, `epoch ${Math.floor(frame.epoch)}`);
      write(far, end() > frame.step ? `reached ${end().toLocaleString("en")}` : "");
      const { test, train } = frame.lanes[frame.selected].loss;
      write(loss, Number.isFinite(test) ? `test loss ${number(test)}` : `loss ${number(train)}`);
      slider.disabled = end() === 0;
      first.disabled = frame.step === 0;
      last.disabled = frame.step === end();
      drawMarks(frame);
      const many = frame.branches.length > 1;
      show(tree, many);
      show(advice, !many);
      const way = app.replaying && onTheWay(app.replaying);
      write(progress, way ?? "");
      advice.classList.toggle("on-the-way", Boolean(way));
      write(
        advice,
        way ?? (end() > 0
          ? "Drag back to any step. Change something there, and a branch begins; this run stays."
          : `Press Train: the network learns to ${frame.problem === "regression" ? "predict the values" : "separate the classes"}. ` +
              "Select a unit or a line to see its numbers."),
      );
      if (many) {
        write(tree.querySelector(".badge"), String(frame.branches.length));
        drawTree(frame);
        drawDot(frame);
      }
    },
  };
}
