"""Frames on their way to a page, as server-sent events.

At most two frames are under way that the page has not drawn, so a slow page is never behind and
takes no memory. It only keeps the events; `server` writes them to the socket.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any

__all__ = ["Stream", "encoded"]

MOST_UNDER_WAY = 2
_MOST_NOTICES = 20


def encoded(value: Mapping[str, Any]) -> bytes:
    """Write JSON in one line of ASCII; a number that is not finite is an error.

    Examples
    --------
    >>> encoded({"loss": 0.5})
    b'{"loss":0.5}'
    """
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode("ascii")


class Stream:
    r"""The events for one page.

    Parameters
    ----------
    changed : threading.Condition
        Is notified at each change; shared with whoever makes the frames.

    Examples
    --------
    >>> stream = Stream(threading.Condition())
    >>> stream.put_frame(1, {"step": 10})
    >>> stream.take(0)
    b'event: frame\ndata: {"step":10}\n\n'
    >>> stream.put_frame(2, {"step": 20}), stream.has_room
    (None, False)
    >>> stream.acknowledge(1), stream.has_room
    (None, True)
    """

    def __init__(self, changed: threading.Condition) -> None:
        self._changed = changed
        self._events: deque[tuple[str, bytes]] = deque()
        self._under_way: deque[int] = deque()
        self.is_ended = False
        """Whether there will be no further event."""

    @property
    def has_room(self) -> bool:
        """Whether another frame may be sent."""
        return len(self._under_way) < MOST_UNDER_WAY and not self.is_ended

    def put_frame(self, number: int, frame: Mapping[str, Any]) -> None:
        """Send a frame, which the page acknowledges by its number."""
        data = encoded(frame)
        with self._changed:
            self._under_way.append(number)
            self._put("frame", data)

    def put_notice(self, text: str, kind: str, **more: object) -> None:
        """Send a line for the person: kind ``error``, ``info`` or ``progress``."""
        data = encoded({"text": text, "kind": kind, **more})
        with self._changed:
            # Only a page that does not read them has so many, or an old progress.
            notices = [event for event in self._events if event[0] != "frame"]
            if len(notices) >= _MOST_NOTICES:
                self._events.remove(notices[0])
            self._put("notice", data)

    def acknowledge(self, number: int) -> None:
        """Note that the page has drawn a frame, and all before it."""
        with self._changed:
            while self._under_way and self._under_way[0] <= number:
                self._under_way.popleft()
            self._changed.notify_all()

    def end(self, text: str) -> None:
        """Send the last event."""
        with self._changed:
            if not self.is_ended:
                self._put("end", encoded({"text": text}))
                self.is_ended = True

    def _put(self, event: str, data: bytes) -> None:
        if not self.is_ended:
            self._events.append((event, data))
            self._changed.notify_all()

    def take(self, seconds: float) -> bytes | None:
        """Wait for the next event and return its text, or None if there was none."""
        with self._changed:
            self._changed.wait_for(lambda: self._events or self.is_ended, seconds)
            if not self._events:
                return None
            event, data = self._events.popleft()
        return b"event: %s\ndata: %s\n\n" % (event.encode("ascii"), data)
