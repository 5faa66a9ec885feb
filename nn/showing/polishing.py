"""Makes the lines of a text in NumPy read like a textbook: better names, reasons, shorter forms.

Every change computes the same bits; the finished text is run and compared anyway. Which lines there
are is decided in `numpy_text.py`.
"""

from __future__ import annotations

import re

__all__ = ["WIDTH", "polished", "wrapped"]

_SHORTER = [
    # The largest element of each row: the engine finds its position, which NumPy does faster.
    (
        r"(\w+)\.take\((?:\d+ \* )?np\.arange\(\w+\) \+ \1\.argmax\(axis=1\)\)\[:, None\]",
        r"\1.max(axis=1, keepdims=True)",
    ),
    (r"np\.power\((\w+), 1\)", r"\1"),
    (r"\[\.\.\.(?:, ::1)+\]", ""),
    (r"^(\w+)\[(\w+)\] = \1\[\2\] - (\w+)$", r"\1[\2] -= \3"),
]
# What a line looks like, the name of its value, and a reason to read.
_NAMED: list[tuple[str, str, str]] = [
    (r"np\.ravel_multi_index\(.*labels.*\)", "right", "flat places of the right classes"),
    (r"(\w+) - \1\.max\(axis=1, keepdims=True\)", "shifted", "so that exp cannot overflow"),
    (r"exps\w* @ np\.ones\(\d+(, np\.\w+)?\)", "sums", ""),
    (r"np\.log\(sums\) - shifted\.take\(right\)", "losses", "-log of the right class's share"),
    (r"exps\w* / sums\[:, None\]", "delta", "softmax, then minus 1 for the right class"),
]
_SUM_OVER_ROWS = re.compile(r"^\w+ = (\w+)\.T @ np\.ones\((n|\d+)(, np\.\w+)?\)$")
WIDTH = 96
"""The longest line of a text, without the indentation of a function."""


def polished(lines: list[str]) -> list[str]:
    r"""Return the lines of a step, with better names and with comments.

    Examples
    --------
    >>> print(*polished(["t1 = z - z.max(axis=1, keepdims=True)", "exps = np.exp(t1)"]), sep="\n")
    shifted = z - z.max(axis=1, keepdims=True)  # so that exp cannot overflow
    exps = np.exp(shifted)
    """
    lines = [_shortened(line) for line in lines]
    comments: dict[str, str] = {}
    for i in range(len(lines)):
        name, is_assigned, value = lines[i].partition(" = ")
        for pattern, better, comment in _NAMED:
            if is_assigned and re.fullmatch(pattern, value):
                if name != better and not _is_used(better, lines):
                    lines = [re.sub(rf"\b{name}\b", better, other) for other in lines]
                comments[lines[i]] = comment
    lines = _without_flat_views(lines)
    commented, is_explained = [], False
    for line in lines:
        comment = comments.get(line, "")
        if line.startswith("np.ravel_multi_index("):
            comment = "raises for numbers out of range"
        if _SUM_OVER_ROWS.match(line) and not is_explained:
            comment, is_explained = "the sum over the rows, as a product", True
        fits = comment and len(line) + len(comment) + 4 <= WIDTH
        commented.append(f"{line}  # {comment}" if fits else line)
    return [part for line in commented for part in wrapped(line)]


def wrapped(line: str) -> list[str]:
    """Break a line that is too long within its last brackets; cut a comment."""
    if len(line) > WIDTH and line.lstrip().startswith("#"):
        return [f"{line[: WIDTH - 1]}…"]
    if len(line) <= WIDTH or line[-1] not in ")]":
        return [line]
    depth, commas = 0, []
    for i in range(len(line) - 1, -1, -1):
        depth += (line[i] in ")]}") - (line[i] in "([{")
        if line[i] == "," and depth == 1:
            commas.append(i)
        if not depth:
            break
    indent = " " * (len(line) - len(line.lstrip()))
    inner = line[i + 1 : -1]
    if len(indent) + 4 + len(inner) <= WIDTH:
        return [line[: i + 1], f"{indent}    {inner}", f"{indent}{line[-1]}"]
    starts, ends = [i + 1, *(c + 1 for c in commas[::-1])], [*commas[::-1], len(line) - 1]
    parts = [line[a:b].strip() for a, b in zip(starts, ends, strict=True)]
    return [line[: i + 1], *(f"{indent}    {part}," for part in parts), f"{indent}{line[-1]}"]


def _shortened(line: str) -> str:
    for pattern, better in _SHORTER:
        line = re.sub(pattern, better, line)
    return line


def _is_used(name: str, lines: list[str]) -> bool:
    return any(re.search(rf"\b{name}\b", line) for line in lines)


def _without_flat_views(lines: list[str]) -> list[str]:
    """Write a flattened view where it is changed, if it is used there alone."""
    for i, line in enumerate(lines[:-1]):
        found = re.fullmatch(r"(\w+) = (\w+\.reshape\(-1\))", line)
        if found and lines[i + 1].startswith(f"{found[1]}["):
            others = [other for j, other in enumerate(lines) if j not in (i, i + 1)]
            if not _is_used(found[1], others):
                after = lines[i + 1].replace(found[1], found[2])
                return _without_flat_views([*lines[:i], after, *lines[i + 2 :]])
    return lines
