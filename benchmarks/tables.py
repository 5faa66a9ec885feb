"""Tables on a terminal: a column of names, then numbers, at most a hundred characters wide."""

from collections.abc import Sequence

__all__ = ["not_measured", "number", "table"]

NAME_WIDTH, COLUMN_WIDTH = 44, 11


def table(title: str, columns: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Print a title with the heads of the columns, and the rows below."""
    heads = "".join(f"{head:>{COLUMN_WIDTH}}" for head in columns)
    print(f"\n{title:<{NAME_WIDTH}}{heads}".rstrip())
    for name, cells in rows:
        print(f"  {name:<{NAME_WIDTH - 2}}" + "".join(f"{cell:>{COLUMN_WIDTH}}" for cell in cells))


def number(value: float | None, digits: int = 2) -> str:
    """Format a number with thousands separators; None becomes a dash."""
    return "-" if value is None else f"{value:,.{digits}f}"


def not_measured(result: dict[str, str]) -> str:
    """Return the reason why there is no number."""
    if "missing" in result:
        return f"   {result['missing']} is not installed: make bench-peers installs it"
    return f"   not measured: {result['failed']}"
