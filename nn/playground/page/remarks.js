// One sentence about the curves of the loss: that it rises, that the network fits the training rows
// too closely, or that nothing is learned; why, and what helps. It says nothing where there is
// nothing to say, and it draws nothing.
import { number } from "./look.js";

const FEW = 20; // points of a curve from which on a remark is worth making
const LONG = 200; // steps after which a loss that has not moved is worth a remark

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

// Single batches make a curve jagged: medians of some points in a row, with the step in the middle.
function smooth(steps, values) {
  const wide = Math.max(3, Math.round(values.length / 20));
  const found = [];
  for (let n = wide; n <= values.length; n += 1) {
    found.push({ step: steps[n - 1 - Math.floor(wide / 2)], loss: median(values.slice(n - wide, n)) });
  }
  return found;
}

const lowest = (curve) => curve.reduce((best, one) => (one.loss < best.loss ? one : best));

// Returns {text, step}, with the step that is worth going back to or null; null for no remark.
export function remark(frame, curves) {
  const lane = curves.lanes[frame.selected];
  if (!lane || frame.lanes[frame.selected].stopped) return null;
  // Of other branches on the line, the loss of the training rows may not be kept.
  const kept = curves.steps.map((step, n) => n).filter((n) => curves.steps[n] <= frame.step && Number.isFinite(lane.train[n]));
  const [steps, train, test] = [curves.steps, lane.train, lane.test].map((values) => kept.map((n) => values[n]));
  if (kept.length < FEW) return null;
  const curve = smooth(steps, train), last = curve[curve.length - 1].loss, best = lowest(curve);
  const first = curve[0].loss;
  if (last > 1.5 * best.loss && last - best.loss > 0.1 * first) {
    return { step: best.step, text: `The training loss rises: near step ${best.step} it was ${number(best.loss)}, now it is `
      + `${number(last)}. Usually the steps are too long: go back and lower the learning rate.` };
  }
  if (test.every(Number.isFinite)) {
    const tested = smooth(steps, test), now = tested[tested.length - 1].loss, low = lowest(tested);
    const then = curve.find((one) => one.step >= low.step) ?? best;
    if (now > 1.3 * low.loss && now - low.loss > 0.05 * first && last < 0.97 * then.loss) {
      return { step: low.step, text: `Since step ${low.step} the test loss has risen, while the training loss fell: the network `
        + "fits the training rows too closely (overfitting). More points, fewer units or L2 help." };
    }
  }
  if (frame.step - steps[0] >= LONG && last > 0.97 * first) {
    const linear = frame.settings.hidden.every((layer) => layer.activation === "linear");
    return { step: null, text: "The training loss has hardly changed since the start. "
      + (linear ? "Without a hidden layer that is not linear, a network can only draw straight borders: add a layer."
        : "Train longer, raise the learning rate, or look for dead and saturated units.") };
  }
  return null;
}
