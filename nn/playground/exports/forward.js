// The trained network: its weights, and the forward pass in double precision. It knows nothing of
// the page around it.

// Abramowitz and Stegun, equation 7.1.6: all terms are positive. Beyond 6 it rounds to 1.
function erf(x) {
  const size = Math.min(Math.abs(x), 6);
  let term = size, sum = size;
  for (let n = 1; term > 1e-17 * sum; n += 1) {
    term *= 2 * size * size / (2 * n + 1);
    sum += term;
  }
  return Math.sign(x) * Math.min(1, 2 / Math.sqrt(Math.PI) * Math.exp(-size * size) * sum);
}

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

const ACTIVATIONS = {
  linear: (x) => x,
  relu: (x) => Math.max(0, x),
  leaky_relu: (x) => (x > 0 ? x : 0.01 * x),
  tanh: Math.tanh,
  sigmoid: sigmoid,
  silu: (x) => x * sigmoid(x),
  gelu: (x) => x * (1 + erf(x / Math.SQRT2)) / 2,
};

/** Decode base64 of 32-bit floats, the smallest byte first. */
function floats(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

/** Return the outputs of the last layer for one row of features, scaled as in training. */
function outputs(layers, row) {
  return layers.reduce((values, layer) => {
    const sums = Float64Array.from(layer.bias), units = sums.length;
    values.forEach((value, i) => {
      if (value === 0) { return; }
      for (let j = 0; j < units; j += 1) { sums[j] += value * layer.weight[i * units + j]; }
    });
    return sums.map(ACTIVATIONS[layer.activation]);
  }, Float64Array.from(row));
}

/** Return probabilities; subtracting the largest value keeps exp finite. */
function softmax(values) {
  const most = Math.max(...values);
  const grown = values.map((value) => Math.exp(value - most));
  const sum = grown.reduce((total, value) => total + value, 0);
  return grown.map((value) => value / sum);
}
