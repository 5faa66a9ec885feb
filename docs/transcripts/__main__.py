"""Writes docs/howto/checking-transcripts.md: each program of this folder, and what it prints.

Run ``python -m docs.transcripts`` in the folder of the project. The programs are run as they are.
"""

import contextlib
import io
import runpy
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "howto" / "checking-transcripts.md"
ORDER = (
    "planar",
    "two_layer_net",
    "updated_too_early",
    "regularization",
    "batch_norm",
    "attention",
    "convolution",
    "rnn",
    "hints",
    "agrees",
)
START = """# Ten transcripts

Programs as students write them, with the mistakes that students make, and what `check_manual` prints. The engine's
part of each report, which shows the worst element of each gradient, is left out here. `python -m docs.transcripts`
makes this page again; the programs are in [docs/transcripts](../transcripts/).
"""  # noqa: E501, lines of Markdown


def printed(name: str) -> str:
    """Run a program, and return what it prints up to the part of the engine."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        runpy.run_path(str(HERE / f"{name}.py"))
    sections = out.getvalue().rstrip().split("\n\n")
    return "\n\n".join(one for one in sections if "\n  engine " not in one)


def page() -> str:
    """Return the text of the page."""
    parts = [START]
    for name in ORDER:
        first, *lines = (HERE / f"{name}.py").read_text("utf-8").splitlines()
        code = "\n".join(lines).strip()
        title = name.replace("_", " ").capitalize()
        parts.append(f"## {title}\n\n{first.removeprefix('# ')}\n")
        parts.append(f"```python\n{code}\n```\n\n```text\n{printed(name)}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    print(f"wrote {PAGE.name}")
