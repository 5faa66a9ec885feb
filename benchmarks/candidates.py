"""The candidates: their names in the tables, and the functions that build them.

Functions are named and not imported, so that a process loads only the library that it measures.
"""

__all__ = ["CHAINS", "FIRST_NETWORK_ONLY", "MODELS", "NETWORKS", "PEERS", "STEPS"]

NETWORKS = (
    {"structure": [784, 128, 64, 24], "rows": 64},
    {"structure": [64, 32, 10], "rows": 32},
    {"structure": [784, 1024, 1024, 10], "rows": 256},
)

STEPS = {
    "floor": "benchmarks.by_hand:floor",
    "by hand": "benchmarks.by_hand:by_hand",
    "by hand, tuned": "benchmarks.by_hand:tuned",
    "eager": "benchmarks.ours:eager",
    "replayed": "benchmarks.ours:replayed",
    "PyTorch eager": "benchmarks.peers:pytorch",
    "PyTorch compile": "benchmarks.peers:pytorch_compile",
    "JAX jit": "benchmarks.peers:jax_jit",
    "MyGrad": "benchmarks.peers:mygrad",
    "HIPS autograd": "benchmarks.peers:hips_autograd",
    "scikit-learn": "benchmarks.peers:scikit_learn",
    "loop over samples": "benchmarks.by_hand:one_by_one",
}
OURS = ("floor", "by hand", "by hand, tuned", "eager", "replayed", "loop over samples")
PEERS = tuple(name for name in STEPS if name not in OURS)
# For large batches or networks, one sample at a time takes too long and shows nothing new.
FIRST_NETWORK_ONLY = ("loop over samples",)

CHAINS = {
    "ours": "benchmarks.scalars:ours",
    "Python floats": "benchmarks.scalars:python_floats",
    "PyTorch eager": "benchmarks.scalars:pytorch",
    "MyGrad": "benchmarks.scalars:mygrad",
    "HIPS autograd": "benchmarks.scalars:hips_autograd",
}

MODELS = {
    "eager": "benchmarks.models.ours:eager",
    "captured": "benchmarks.models.ours:captured",
    "captured layer": "benchmarks.models.ours:lstm_layer",
    "PyTorch eager": "benchmarks.models.pytorch:eager",
    "PyTorch, loop": "benchmarks.models.pytorch:loop",
    "JAX jit": "benchmarks.models.jax_jit:jitted",
}
