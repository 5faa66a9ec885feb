"""Which letters of a picture no font of this machine has.

A PNG or a PDF is drawn with the fonts that are here, and a letter that none of them has becomes a
box. Fontconfig knows them; Graphviz asks it too, and takes another font where the first lacks a
letter. An SVG is drawn with the fonts of whoever looks at it.
"""

from __future__ import annotations

from functools import lru_cache

__all__ = ["missing_letters", "warning_of"]

_LATIN = 0x24F  # letters up to here are in every font
_MOST_ASKED = 40  # a call takes some milliseconds


def missing_letters(text: str) -> str:
    """List the letters that no font has; none where there is no fontconfig to ask."""
    import shutil

    program = shutil.which("fc-list")
    if program is None:
        return ""
    letters = sorted({letter for letter in text if ord(letter) > _LATIN and letter.isprintable()})
    return "".join(one for one in letters[:_MOST_ASKED] if not _is_known(program, one))


@lru_cache(maxsize=512)
def _is_known(program: str, letter: str) -> bool:
    import subprocess

    command = [program, f":charset={ord(letter):x}", "family"]
    try:
        found = subprocess.run(command, capture_output=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return True  # nothing is known then, and nothing is said
    return bool(found.stdout.strip()) or found.returncode != 0


def warning_of(missing: str, ending: str) -> str:
    """Say what becomes of letters that are missing, and what to do."""
    shown = " ".join(missing[:8]) + (" …" if len(missing) > 8 else "")
    return (
        f"no font on this machine has {shown}, so the .{ending} shows boxes instead; install a "
        "font that has them, such as fonts-noto-cjk or fonts-noto-core, or save it as .svg"
    )
