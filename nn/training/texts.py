"""How losses, shares and counts are written in the texts of a training and its reports.

All functions return text; names and columns are written by `tinygrad_edu.texts`.
"""

from __future__ import annotations

__all__ = ["ACCURACY", "R2", "count_text", "loss_text", "measure_text", "percent_text"]

ACCURACY, R2 = "accuracy", "R²"
"""What the fields named ``accuracy`` hold: shares of correct predictions, or R² of a regression."""


def loss_text(value: float | None) -> str:
    """Return a loss as text: four decimals, or an exponent where these would not do.

    Examples
    --------
    >>> loss_text(0.5), loss_text(2e-7), loss_text(3e9), loss_text(float("nan")), loss_text(None)
    ('0.5000', '2.00e-07', '3.00e+09', 'NaN', '-')
    """
    if value is None or value != value:
        return "-" if value is None else "NaN"
    return f"{value:.4f}" if value == 0 or 1e-4 <= abs(value) < 1e6 else f"{value:.2e}"


def measure_text(value: float | None, measure: str) -> str:
    """Return an accuracy in percent, or R² with four decimals.

    Examples
    --------
    >>> measure_text(0.944, "accuracy"), measure_text(0.944, "R²"), measure_text(None, "R²")
    ('94.40%', '0.9440', '-')
    """
    if measure != ACCURACY or value is None or value != value:
        return loss_text(value)
    return f"{value:.2%}"


def percent_text(share: float | None) -> str:
    """Return a share in percent: 100.00% only for all, 0.00% only for none.

    Examples
    --------
    >>> percent_text(0.5), percent_text(0.99999), percent_text(1e-9), percent_text(None)
    ('50.00%', '99.99%', '0.01%', '-')
    """
    if share is None:
        return "-"
    return f"{share if share in (0, 1) else min(max(share, 1e-4), 0.9999):.2%}"


def count_text(count: float) -> str:
    """Return a number of samples; a sum of weights need not be an integer.

    Examples
    --------
    >>> count_text(12345), count_text(2.0), count_text(0.25)
    ('12,345', '2', '0.25')
    """
    if count == int(count) or count >= 1000:
        return f"{count:,.0f}"
    return f"{count:.4g}"
