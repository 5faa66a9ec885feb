"""Finds letters of a picture that no font on this machine has.

In a PNG or a PDF, such a letter is shown as a box. Fontconfig lists the letters of all fonts. An
SVG needs no check: it is drawn with the fonts of the reader.
"""

from __future__ import annotations

from functools import lru_cache

__all__ = ["missing_letters", "warning_of"]

_LATIN = 0x24F  # every font has the letters up to here


def missing_letters(text: str) -> str:
    """Return the letters that no font has; none if fontconfig is not installed.

    Examples
    --------
    >>> missing_letters("weights: (2, 3)")
    ''
    """
    letters = sorted({letter for letter in text if ord(letter) > _LATIN and letter.isprintable()})
    if not letters or not (known := _known_letters()):
        return ""
    return "".join(letter for letter in letters if not any(ord(letter) in part for part in known))


@lru_cache(maxsize=1)
def _known_letters() -> frozenset[range]:
    """Ask fontconfig for the letters of all fonts; empty if it fails."""
    import shutil
    import subprocess

    program = shutil.which("fc-list")
    if program is None:
        return frozenset()
    try:
        command = [program, "--format", "%{charset} "]
        found = subprocess.run(
            command, capture_output=True, encoding="utf-8", timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return frozenset()
    ends = (part.partition("-") for part in found.stdout.split())
    return frozenset(range(int(a, 16), int(b or a, 16) + 1) for a, _, b in ends)


def warning_of(missing: str, ending: str) -> str:
    """Word the warning about missing letters."""
    shown = " ".join(missing[:8]) + (" …" if len(missing) > 8 else "")
    return (
        f"no font on this machine has {shown}, so the .{ending} shows boxes instead; install a "
        "font that has them, such as fonts-noto-cjk or fonts-noto-core, or save it as .svg"
    )
