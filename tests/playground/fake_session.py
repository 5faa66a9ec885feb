"""A session that counts instead of training, so that tests of the server are about the server."""

import time


class FakeSession:
    """Steps are counted; a step, and an opening, take as long as they are told."""

    choices = {"data": []}

    def __init__(self, state="", table=None, seconds=0.0):
        if state == "wrong":
            raise ValueError("state has\nno data")
        self.state, self.table, self.seconds = state, table, seconds
        self.at, self.stops_at = 0, None
        self.calls = []

    @classmethod
    def open(cls, state, table):
        return cls(state, table)

    @property
    def stopped(self):
        return self.stops_at is not None and self.at >= self.stops_at

    def step(self, count):
        time.sleep(self.seconds * count)
        self.at += count

    def seek(self, branch, step, proceed=None):
        if branch:
            raise ValueError(f"there is no branch {branch}")
        self.at = 0
        while self.at < step:
            self.at += 1
            time.sleep(0.001)
            if proceed is not None and not proceed(self.at):
                return

    def restart(self):
        self.at = 0

    def snapshot(self, full=True):
        return {"state": self.state, "step": self.at, "branch": 0}

    def change(self, settings):
        if "crash" in settings:
            raise KeyError("crash")
        self.calls.append(settings)

    def nudge(self, layer, row, column, by):
        return {"by": by, "row": row}

    def predict(self, values):
        return {"text": f"{len(values)} values"}
