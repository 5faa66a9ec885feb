"""Convolution over sliding windows with einsum, images (N, H, W, C), no padding."""

import numpy as np

rng = np.random.default_rng(56)
K = 2
height, width = 4, 5


def convolve(images, kernel, bias):
    h, w = height - K + 1, width - K + 1
    total = bias
    for i in range(K):
        for j in range(K):
            total = total + images[:, i : i + h, j : j + w] @ kernel[i, j]
    return total


def windows(images):
    # (N, h, w, C, K, K)
    return np.lib.stride_tricks.sliding_window_view(images, (K, K), axis=(1, 2))


def convolve_back(up, images, kernel, bias):
    d_kernel = np.einsum("nhwcij,nhwf->ijcf", windows(images), up)
    d_bias = np.einsum("nhwf->f", up)
    padded = np.pad(up, ((0, 0), (K - 1, K - 1), (K - 1, K - 1), (0, 0)))
    turned = kernel[::-1, ::-1]
    d_images = np.einsum("nhwfij,ijcf->nhwc", windows(padded), turned)
    return d_images, d_kernel, d_bias


POINT = (
    rng.normal(size=(2, height, width, 3)),
    rng.normal(size=(K, K, 3, 2)),
    rng.normal(size=2),
)
F, BY_HAND = convolve, convolve_back

SLIPS = [
    ("turned = kernel[::-1, ::-1]", "turned = kernel", "other", "the kernel is not turned"),
    ("turned = kernel[::-1, ::-1]", "turned = kernel[::-1]", "other", "turned along one axis only"),
    ('"nhwcij,nhwf->ijcf"', '"nhwcij,nhwf->jicf"', "transposed", "height and width of the kernel"),
    ('np.einsum("nhwf->f", up)', 'np.einsum("nhwf->f", up) / len(up)', "averaged", "the bias"),
    ('np.einsum("nhwf->f", up)', 'np.einsum("nhwf->nf", up)', "not summed", "over the images"),
    ('"nhwfij,ijcf->nhwc"', '"nhwfij,jicf->nhwc"', "transposed", "the kernel, on the way back"),
]
