"""Linear algebra: products of matrices and of other arrays, triangles, norms, `numpy.linalg`."""
