"""Measures how close the gradients derived by hand are to those of the engine.

Run ``python -m benchmarks.by_hand_equality`` in the folder of the project. Each derivation meets
many random shapes; the tests hold the same comparison to 1e-12.
"""

from __future__ import annotations

import argparse

from tests.by_hand.equality import CASES, SHAPES, measured


def main() -> None:
    """Print a row for each derivation."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--shapes", type=int, default=SHAPES, help="different shapes (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the draws (%(default)s)")
    options = parser.parse_args()
    print(f"{'derivation':38}{'shapes':>7}  largest difference, relative")
    for name in sorted(CASES):
        row = measured(name, options.shapes, options.seed)
        print(f"{row.name:38}{row.shapes:7}  {row.largest:.1e}", flush=True)


if __name__ == "__main__":
    main()
