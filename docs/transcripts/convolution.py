# A convolution with loops; the gradient of the bias is averaged over the batch.
import numpy as np

from tinygrad_edu import check_manual, conv2d

rng = np.random.default_rng(6)
x, w, b = rng.normal(size=(2, 2, 5, 5)), rng.normal(size=(3, 2, 3, 3)), rng.normal(size=3)


def backward(dout, x, w, b):
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(3):
        for j in range(3):
            patch = x[:, :, i : i + 3, j : j + 3]
            dw[:, :, i, j] = np.einsum("nohw,nchw->oc", dout, patch)
            dx[:, :, i : i + 3, j : j + 3] += np.einsum("nohw,oc->nchw", dout, w[:, :, i, j])
    db = dout.sum(axis=(2, 3)).mean(axis=0)
    return dx, dw, db


print(check_manual(conv2d, backward, x, w, b))
