"""Which letters of a picture no font of this machine has.

A PNG or a PDF is drawn with the fonts that are here, and a letter that none of them has becomes a
box. Fontconfig knows them; Graphviz asks it too, and takes another font where the first lacks a
letter. An SVG is drawn with the fonts of whoever looks at it.
"""

from __future__ import annotations

from functools import lru_cache

__all__ = ["missing_letters", "warning_of"]

_LATIN = 0x24F  # letters up to here are in every font


def missing_letters(text: str) -> str:
    """List the letters that no font has; none where there is no fontconfig to ask."""
    letters = sorted({letter for letter in text if ord(letter) > _LATIN and letter.isprintable()})
    if not letters or not (known := _known_letters()):
        return ""
    return "".join(letter for letter in letters if not any(ord(letter) in part for part in known))


@lru_cache(maxsize=1)
def _known_letters() -> frozenset[range]:
    """Ask fontconfig, once in a process, which letters all fonts have; nothing if it cannot say."""
    import shutil
    import subprocess

    program = shutil.which("fc-list")
    if program is None:
        return frozenset()
    try:
        command = [program, "--format", "%{charset} "]
        found = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return frozenset()
    ends = (part.partition("-") for part in found.stdout.split())
    return frozenset(range(int(a, 16), int(b or a, 16) + 1) for a, _, b in ends)


def warning_of(missing: str, ending: str) -> str:
    """Say what becomes of letters that are missing, and what to do."""
    shown = " ".join(missing[:8]) + (" …" if len(missing) > 8 else "")
    return (
        f"no font on this machine has {shown}, so the .{ending} shows boxes instead; install a "
        "font that has them, such as fonts-noto-cjk or fonts-noto-core, or save it as .svg"
    )
