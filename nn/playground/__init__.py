"""The playground: a small network that trains in front of a person, and every step can be visited.

Nothing is imported here, so that one part does not load the rest. The way of one click, from the
page to the engine and back:

* "Step" in `page/training.js` calls `app.act("step", {count: 1})`; `page/connection.js` posts it
  to ``/act`` with the key.
* A thread of `serving/server.py` answers the connection: `serving/handler.py` reads the request,
  `serving/requests.py` refuses what is not expected, and `serving/player.py` puts the command into
  the queue of the one thread that owns the `Session`.
* `session.py` calls `Timeline.advance`; `timeline.py` takes the rows of the step from its branch
  (`branches.py`), and each `Lane` (`lane.py`) replays the step that the engine captured.
* `frames.py` describes the session as plain data, of which `view.py` knows what is shown. The frame
  is the answer to the click; while training plays, frames come as events (`serving/streaming.py`).
* `page/main.js` gives the frame to every panel, which draws it, and puts its ``state`` into the
  address: the text of `address.py`, from which `Session.open` makes the same weights again.

What can be chosen is in `choices.py`, what was chosen in `settings.py`, and the data that follow
from it in `datasets.py` and `tables.py`.
"""
