"""The other end of `processes.Worker`: ``python -m benchmarks.worker part candidate``.

It reads requests as lines of JSON and answers each with one line. ``prepare`` builds the candidate
for a case and checks that it does the work, ``time`` calls it repeatedly and returns seconds a
call, ``machine`` describes the process.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from benchmarks.candidates import CHAINS, MODELS, STEPS

WARM_SECONDS = 0.005


class Measurement:
    """The state between requests: the candidate, and the number of calls in a turn."""

    def __init__(self, part: str, name: str) -> None:
        self.part = part
        self.target = {"steps": STEPS, "chains": CHAINS, "models": MODELS}[part][name]
        self.call: Callable[[], Any] = lambda: None
        self.calls = 0
        self.count = 1  # steps in one call

    def prepare(self, case: dict[str, Any]) -> dict[str, Any]:
        """Build the candidate and check that it does the work."""
        module, _, function = self.target.partition(":")
        make = getattr(importlib.import_module(module), function)
        self.calls = 0
        if self.part == "chains":
            self.call, about = make(**case)
            return {"about": about}
        if self.part == "models":
            from benchmarks.models.problems import ModelProblem, first_step

            self.call, answer = first_step(make, ModelProblem.make(**case))
            return answer
        from benchmarks.problem import Problem, check

        problem = Problem.make(**case)
        candidate = make(problem)
        self.call, self.count = candidate.many or candidate.step, candidate.count
        return {"errors": check(candidate, problem), "about": candidate.about}

    def time(self, seconds: float) -> dict[str, Any]:
        """Call it for about `seconds`, after some calls that warm the processor's caches."""
        start = time.perf_counter()
        single = 0.0
        while time.perf_counter() - start < WARM_SECONDS or not single:
            before = time.perf_counter()
            self.call()
            single = time.perf_counter() - before
        if not self.calls:
            self.calls = max(1, round(seconds / single))
        call = self.call
        start = time.perf_counter()
        for _ in range(self.calls):
            result = call()
        taken = time.perf_counter() - start
        if not math.isfinite(result):
            raise ArithmeticError(f"the result became {result}, so the time means nothing")
        return {"seconds": taken / self.calls / self.count}

    def machine(self) -> dict[str, Any]:
        """Return the versions, and the BLAS kernel and threads that NumPy uses here."""
        from benchmarks.machine import machine

        return machine()


def main() -> None:
    """Answer requests until the input ends."""
    # Output of libraries must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    measurement = Measurement(*sys.argv[1:])
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(measurement, request.pop("do"))(**request)
        except ModuleNotFoundError as error:
            answer = {"missing": error.name}
        except ImportError as error:  # without the path of the file
            answer = {"failed": str(error).partition(" (")[0]}
        except Exception as error:
            traceback.print_exc()
            answer = {"failed": f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
