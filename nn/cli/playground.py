"""The command `playground`: a page on which a small network trains.

What the page does is in `nn.playground`; here are the arguments, and the errors before it starts.
"""

from __future__ import annotations

import argparse
import errno
import threading
from typing import TYPE_CHECKING

from tinygrad_edu.errors import printable

from .arguments import say, whole

if TYPE_CHECKING:
    from ..playground.serving.server import Server
    from ..playground.tables import Table


def _add_playground(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", nargs="?", metavar="data.csv", help="a table to train on")
    parser.add_argument(
        "--label", metavar="NAME", help="column to predict (label, class ...; or last)"
    )
    parser.add_argument("--features", metavar="A,B", help="columns to predict from (all others)")
    parser.add_argument("--port", type=whole, default=0, help="0 chooses a free one (0)")
    parser.add_argument("--state", default="", metavar="TEXT", help="what an address has behind #")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")


def _playground(options: argparse.Namespace) -> int:
    """Build a network on a page, watch it train, go back, and ask why.

    example:
      tinygrad-edu playground
      tinygrad-edu playground iris.csv --label species --features petal_length,petal_width
      Prints an address of this computer, opens it in a browser, and runs until Ctrl-C. The address
      has a key: whoever has it can use the page, and nobody else. Nothing leaves this computer.
    """
    if not 0 <= options.port <= 65_535:
        raise ValueError(f"--port {options.port}: expected 0 to 65535; 0 chooses a free one")
    state, table = _chosen(options)
    with _server(options.port, state, table, options.debug) as server:
        print(f"{printable(server.address)} (stop it with Ctrl-C)", flush=True)
        if not options.no_browser:
            # Some browsers run in the terminal, until they are closed.
            threading.Thread(target=_show, args=(server.address,), daemon=True).start()
        server.serve_forever()
    return 0


def _chosen(options: argparse.Namespace) -> tuple[str, Table | None]:
    """Return the checked state to begin with, and the table."""
    from ..playground.address import State, read_state, write_state
    from ..playground.datasets import make_data
    from ..playground.settings import Settings

    columns = {"--label": options.label, "--features": options.features}
    if given := next((name for name, value in columns.items() if value is not None), None):
        if options.data is None:
            raise ValueError(f"{given} is a column of a table; name the table too")
        if options.state:
            raise ValueError(f"{given} and --state both choose columns; leave one of them out")
    table = None
    if options.data is not None:
        from ..playground.tables import read_table  # imports pandas

        table = read_table(options.data)
    if table is None or options.state:
        state = read_state(options.state.rpartition("#")[2])  # or a whole address
    else:
        chosen: dict[str, object] = {
            "name": "csv",
            "file": table.file,
            "digest": table.digest,
        }
        if options.label is not None:
            chosen["label"] = options.label
        if options.features is not None:
            chosen["features"] = [name.strip() for name in options.features.split(",")]
        state = State(Settings.of({"data": chosen}))
    try:
        make_data(state.settings.data, state.settings.seed, table)
    except ValueError as error:
        if table is None or table.usable_label(state.settings.data) or not table.predictable:
            raise
        raise ValueError(f'{error}; with --label "{table.predictable[0]}"') from None
    return write_state(state), table


def _server(port: int, state: str, table: Table | None, debug: bool) -> Server:
    from ..playground.serving.server import Server

    try:
        return Server(port, state=state, table=table, debug=debug)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            reason = "another program uses it; name another one, or leave --port out"
        elif error.errno == errno.EACCES:
            reason = "it needs more rights than you have; name one from 1024 on"
        elif error.errno in (errno.ENOTSUP, errno.EAFNOSUPPORT, errno.ENOSYS):
            reason = "this system has no network, and the playground is served to a browser"
        else:
            reason = f"{error.strerror or error}; name another one, or leave --port out"
        raise OSError(f"--port {port}: {reason}") from None


def _show(address: str) -> None:
    import webbrowser

    try:
        is_open = webbrowser.open(address)
    except webbrowser.Error:
        is_open = False
    if not is_open:
        say("no browser was found: open the address yourself")


COMMANDS = {
    "playground": (_add_playground, _playground),
}
"""Each command: what declares its arguments, and the function, whose docstring is the help."""
