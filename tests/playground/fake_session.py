"""A session that counts instead of training, so that tests of the server are about the server."""

import time
from types import SimpleNamespace


class FakeSession:
    """Its steps take as long as they should."""

    choices = {"data": [], "csv": None}  # noqa: RUF012
    ahead = None

    def __init__(self, state="", table=None, seconds=0.0):
        if state == "wrong":
            raise ValueError("state has\nno data")
        self.state, self.table, self.seconds = state, table, seconds
        self.at, self.stops_at, self.calls = 0, None, []

    @classmethod
    def open(cls, state, table, progress):
        return cls(state, table)

    @property
    def stopped(self):
        return self.at == self.stops_at

    def step(self, count):
        if self.stops_at is not None:
            count = min(count, self.stops_at - self.at)
        time.sleep(self.seconds * count)
        self.at += count
        return count

    def seek(self, branch, step, progress):
        if branch:
            raise ValueError(f"there is no branch {branch}")
        for self.at in range(step):
            time.sleep(0.001)
            if progress(self.at) is False:
                return False
        self.at = step
        return True

    def restart(self):
        self.at = 0

    def snapshot(self, full=True):
        return {"state": self.state, "step": self.at, "branch": 0}

    def change(self, given):
        if "crash" in given:
            raise KeyError("crash")
        self.calls.append(given)

    def load_table(self, table):
        self.table = table

    def nudge(self, layer, row, column, by):
        return SimpleNamespace(to_json=lambda: {"by": by, "row": row})

    def predict(self, values):
        return {"text": f"{len(values)} values"}
