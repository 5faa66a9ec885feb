"""The thread that owns a session: it runs commands, and trains while the session plays.

Commands come from other threads into a queue, so the session itself needs no lock. Nothing runs
for longer than a few hundredths of a second without a look at the queue. How frames reach the page
is in `streaming`.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from ..address import write_state
from ..choices import SPEEDS
from .requests import closed_session
from .streaming import Stream

if TYPE_CHECKING:
    from ..session import Session
    from ..tables import Table
    from ..timeline import Progress

__all__ = ["Player"]

T = TypeVar("T")

_FRAME = 1 / 33  # seconds from frame to frame, for 30 a second with some late; then half of it
_PIECE = 0.01  # seconds of training without a look at the queue
_MOST_STEPS = SPEEDS[-1]  # of a frame, and of a single command
_PROGRESS_AFTER = 0.3  # seconds of a replay without a word
_READING = ("predict", "next")  # commands that change nothing: a replay goes on, no frame follows


class Player:
    """A session, with the thread that owns it.

    Parameters
    ----------
    open_session : callable
        Makes the session, in the thread; it gets what a long replay asks whether to go on.
    report : callable
        Receives each error that is not the person's, and returns a line for the person.
    """

    def __init__(
        self,
        open_session: Callable[[Progress], Session],
        report: Callable[[Exception], str],
    ) -> None:
        self._changed = threading.Condition()
        self._tasks: deque[tuple[Callable[[], Any], Future[Any] | None, bool]] = deque()
        self._closed = False
        self._report = report
        self._session: Session
        self._playing, self._speed = False, 1
        self._number = 0
        self._due, self._piece = 0.0, 1
        self._is_full_due = True
        self._stream: Stream | None = None
        self.used = time.monotonic()
        """When the last command arrived, or the last stream ended."""
        self._opened = self._queued(lambda: self._begin(open_session))
        self._thread = threading.Thread(target=self._run, name="playground", daemon=True)
        self._thread.start()

    # From other threads ---------------------------------------------------------------------------

    @property
    def is_watched(self) -> bool:
        """Whether a page receives the frames."""
        return self._stream is not None

    def opened(self) -> dict[str, Any]:
        """Wait for the session, and return its choices and first frame."""
        return self._opened.result()

    def act(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Run a command and return the answer.

        Raises
        ------
        ValueError, TypeError
            As the session raises them: the command cannot be done.
        """
        if name == "drawn":
            if (stream := self._stream) is not None:
                stream.acknowledge(arguments["number"])
            return {"frame": None}
        return self.run(lambda: self._answer(name, arguments), overtakes=name not in _READING)

    def run(self, task: Callable[[], T], *, overtakes: bool = False) -> T:
        """Run a task in the thread of the session, and return its result."""
        return self._queued(task, overtakes).result()

    def with_session(self, task: Callable[[Session], T]) -> T:
        """Run a task that gets the session, and return its result."""
        return self.run(lambda: task(self._session))

    def load_table(self, table: Table) -> dict[str, Any]:
        """Begin a new run on a table; return what can be chosen of it, and the frame.

        If its usual columns cannot be used but others can, the run stays, and the answer has the
        ``problem``.
        """

        def load() -> dict[str, Any]:
            problem = ""
            try:
                self._session.load_table(table)
            except ValueError as error:
                if self._session.offered is not table:
                    raise
                problem = str(error)
            csv, frame = self._session.choices["csv"], self._frame(True)
            return {"csv": csv, "problem": problem, "frame": frame}

        return self.run(load, overtakes=True)

    def _queued(self, task: Callable[[], T], overtakes: bool = False) -> Future[T]:
        future: Future[T] = Future()
        self._queue(task, future, overtakes)
        return future

    def _queue(
        self, task: Callable[[], Any], future: Future[Any] | None = None, overtakes: bool = False
    ) -> None:
        """Let the thread run a task; without a future, the page gets a notice of an error."""
        with self._changed:
            if self._closed:
                raise closed_session()
            self.used = time.monotonic()
            self._tasks.append((task, future, overtakes))
            self._changed.notify_all()

    def attach(self) -> Stream:
        """Return a new stream of frames, which replaces the one before."""
        with self._changed:
            if self._closed:
                raise closed_session()
            if self._stream is not None:
                self._stream.end("the playground continues in another tab")
            self._stream = stream = Stream(self._changed)
        self._queue(lambda: self._send(True))
        return stream

    def detach(self, stream: Stream) -> None:
        """Note that nobody reads a stream any more."""
        with self._changed:
            stream.end("")
            if self._stream is stream:
                self._stream, self.used = None, time.monotonic()

    def close(self, text: str, seconds: float = 0.0) -> None:
        """End the thread and the stream; wait so long for the thread."""
        with self._changed:
            self._closed = True
            if self._stream is not None:
                self._stream.end(text)
            for _, future, _ in self._tasks:
                if future is not None:
                    future.set_exception(closed_session())
            self._tasks.clear()
            self._changed.notify_all()
        self._thread.join(seconds)

    # In the thread of the session -----------------------------------------------------------------

    def _begin(self, open_session: Callable[[Progress], Session]) -> dict[str, Any]:
        """Open the session; training to a step that is far goes on when the page is there."""
        until = time.monotonic() + _PROGRESS_AFTER
        self._session = open_session(lambda reached: not self._closed and time.monotonic() < until)
        frame = self._frame(True)
        if (ahead := self._session.ahead) is not None:
            # The page shows it in its address, so a page that is reloaded sets out again.
            frame["state"] = write_state(ahead)
            self._queue(self._arrive)
        return {"choices": self._session.choices, "frame": frame}

    def _arrive(self) -> None:
        session = self._session
        if (ahead := session.ahead) is not None and not session.arrive(self._progress(ahead.step)):
            session.ahead = None
            text = f"stopped on the way to step {ahead.step:,}; open the address again to go there"
            self._notice(text, "info")
        self._send(True)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not (self._closed or self._tasks or self._may_play()):
                    self._changed.wait(self._seconds_to_frame())
                if self._closed:
                    return
                task, future = self._tasks.popleft()[:2] if self._tasks else (self._play, None)
            try:
                result = task()
            except Exception as error:
                if future is None:
                    self._stop_playing(error)
                else:
                    future.set_exception(error)
            else:
                if future is not None:
                    future.set_result(result)

    def _is_overtaken(self) -> bool:
        with self._changed:
            return any(overtakes for *_, overtakes in self._tasks)

    def _can_send(self) -> bool:
        return self._playing and self._stream is not None and self._stream.has_room

    def _may_play(self) -> bool:
        return self._can_send() and time.monotonic() >= self._due

    def _seconds_to_frame(self) -> float | None:
        return max(0.0, self._due - time.monotonic()) if self._can_send() else None

    def _play(self) -> None:
        """Train for one frame, and send it; a command in the queue comes first."""
        interval = _FRAME if self._speed else 1.0
        self._due = max(self._due + interval, time.monotonic() + interval / 2)
        if not self._train(self._speed or 1):
            return
        if self._session.stopped:
            self._playing, self._is_full_due = False, True
        self._send(self._is_full_due)

    def _train(self, steps: int) -> bool:
        """Train in short pieces; return whether no command came in between."""
        while steps > 0 and not self._session.stopped:
            count = min(steps, self._piece)
            start = time.perf_counter()
            self._session.step(count)
            seconds = time.perf_counter() - start
            steps -= count
            if seconds < _PIECE / 2:
                self._piece = min(2 * self._piece, _MOST_STEPS)
            elif seconds > _PIECE:
                self._piece = max(1, self._piece // 2)
            if self._closed or (self._tasks and steps > 0):
                return False
        return True

    def _stop_playing(self, error: Exception) -> None:
        self._playing = False
        line = str(error) if isinstance(error, ValueError | TypeError) else self._report(error)
        self._notice(line, "error")

    def _notice(self, text: str, kind: str, **more: object) -> None:
        if (stream := self._stream) is not None:
            stream.put_notice(text, kind, **more)

    def _progress(self, goal: int) -> Progress:
        """Return what a long training asks between its pieces; a command of the person ends it."""
        reported = time.monotonic()

        def progress(reached: int) -> bool:
            nonlocal reported
            if (now := time.monotonic()) - reported > _PROGRESS_AFTER:
                reported = now
                text = f"replaying: step {reached:,} of {goal:,}"
                self._notice(text, "progress", done=reached, of=goal)
            return not (self._closed or self._is_overtaken())

        return progress

    def _send(self, full: bool) -> None:
        stream = self._stream
        if stream is not None:
            frame = self._frame(full)
            self._is_full_due = False
            stream.put_frame(frame["number"], frame)

    def _frame(self, full: bool) -> dict[str, Any]:
        self._is_full_due = True  # for the stream, unless this one is for the stream
        self._number += 1
        own = {"number": self._number, "full": full, "playing": self._playing, "speed": self._speed}
        return {**self._session.snapshot(full=full), **own}

    # Commands: each returns what its answer has in addition to the frame --------------------------

    def _answer(self, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        more = getattr(self, f"_do_{name}")(**given) or {}
        has_frame = name not in _READING and "cancelled" not in more
        return {"frame": self._frame(True) if has_frame else None, **more}

    def _do_play(self, speed: int) -> None:
        if not 0 <= speed <= _MOST_STEPS:
            raise ValueError(f"speed must be 0 to {_MOST_STEPS} steps a frame, got {speed}")
        self._playing, self._speed, self._due = True, speed, time.monotonic()

    def _do_pause(self) -> None:
        self._playing = False

    def _do_step(self, count: int) -> None:
        if not 1 <= count <= _MOST_STEPS:
            raise ValueError(f"count must be 1 to {_MOST_STEPS}, got {count}")
        self._playing = False
        self._train(count)

    def _do_restart(self) -> None:
        self._playing = False
        self._session.restart()

    def _do_seek(self, branch: int, step: int) -> dict[str, Any]:
        self._playing = False
        is_reached = self._session.seek(branch, step, self._progress(step))
        return {} if is_reached else {"cancelled": True}

    def _do_branch(self) -> None:
        self._session.branch()

    def _do_change(self, settings: Mapping[str, Any]) -> None:
        self._session.change(settings)

    def _do_nudge(self, **given: Any) -> dict[str, Any]:
        return {"nudge": self._session.nudge(**given).to_json()}

    def _do_next(self, **given: Any) -> dict[str, Any]:
        branch, step = self._session.position
        return {"next": {"branch": branch, "step": step, **self._session.next(**given)}}

    def _do_select(self, lane: int) -> None:
        self._session.select(lane)

    def _do_view(self, **given: Any) -> None:
        self._session.view(**given)

    def _do_predict(self, values: list[float]) -> dict[str, Any]:
        return dict(self._session.predict(values))

    def _do_points(self, points: list[list[float]]) -> None:
        self._session.points(points)
