// The confusion matrix of the test rows, and a sentence for the cell under the pointer. It shows what
// is in the frame and counts nothing itself.
import { show, write } from "./elements.js";
import { h, percent } from "./look.js";

export function makeConfusion(root, app) {
  const section = root.closest("section");
  const table = h("table", { class: "confusion" });
  const said = h("p", { class: "hint numbers said" });
  root.append(h("div", { class: "scroll-x" }, table), said);
  let made = "",
    cells = [],
    chosen = null,
    names = [];

  // The classes of made data are numbered; with many of them only the numbers have room.
  const short = (name) => (names.length > 3 ? name.replace(/^class (?=\d+$)/, "") : name);

  function build() {
    cells = names.map(() => []);
    const head = h(
      "tr",
      null,
      h("td", null, h("span", { class: "unseen" }, "true class, by row")),
      ...names.map((name) => h("th", { scope: "col", title: name }, short(name))),
    );
    const rows = names.map((name, row) =>
      h(
        "tr",
        null,
        h("th", { scope: "row", title: name }, short(name)),
        ...names.map((_, column) => {
          const cell = h("td", {
            class: row === column ? "hit" : "miss",
            onpointerenter: () => choose([row, column]),
            onpointerleave: () => choose(null),
          });
          cells[row].push(cell);
          return cell;
        }),
      ),
    );
    table.replaceChildren(
      h("caption", null, "Test rows: true class down, predicted class across"),
      h("thead", null, head),
      h("tbody", null, rows),
    );
    table.classList.toggle("small", names.length > 5);
  }

  function choose(place) {
    chosen = place;
    if (app.frame) sentence(app.frame);
  }

  function sentence(frame) {
    const matrix = frame.lanes[frame.selected]?.confusion;
    if (!matrix) return;
    const size = matrix.shape[0];
    if (chosen) {
      const [row, column] = chosen,
        count = matrix.data[row * size + column];
      const rows = count === 1 ? "1 test row" : `${count} test rows`;
      write(
        said,
        row === column
          ? `${rows} of ${names[row]}: predicted rightly`
          : `${rows} of ${names[row]}: taken for ${names[column]}`,
      );
      return;
    }
    let right = 0,
      all = 0;
    matrix.data.forEach((count, place) => {
      all += count;
      if (place % (size + 1) === 0) {
        right += count;
      }
    });
    write(
      said,
      all ? `${right} of ${all} test rows are right (${percent(right / all)}).` : "There are no test rows.",
    );
  }

  return {
    draw(frame) {
      const matrix = frame.lanes[frame.selected]?.confusion;
      show(section, Boolean(matrix));
      if (!matrix) return;
      const key = JSON.stringify(frame.classes);
      if (key !== made) {
        made = key;
        names = frame.classes;
        build();
      }
      const size = matrix.shape[0];
      for (let row = 0; row < size; row += 1) {
        let sum = 0;
        for (let column = 0; column < size; column += 1) {
          sum += matrix.data[row * size + column];
        }
        for (let column = 0; column < size; column += 1) {
          const count = matrix.data[row * size + column],
            cell = cells[row][column];
          write(cell, String(count));
          cell.style.setProperty("--share", sum ? (count / sum).toFixed(2) : "0");
        }
      }
      sentence(frame);
    },
  };
}
