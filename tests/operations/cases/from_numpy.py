"""Cases of functions that people know from NumPy: joining, statistics, calculus, branches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .case import Case, distinct, named, normal, positive, signed


def first(operation: str, *positional: Any, part: int = 0, **keywords: Any) -> Callable[..., Any]:
    """Make a call of an operation with several results, of which one is compared."""
    call = named(operation, *positional, **keywords)
    return lambda library, *inputs: call(library, *inputs)[part]


def _assembled() -> Iterator[Case]:
    for operation, shape, arguments in [
        ("delete", (3, 4), (1,)),
        ("delete", (3, 4), ([0, 2], 1)),
        ("delete", (5,), (slice(1, 3), 0)),
        ("rollaxis", (2, 3, 4), (2,)),
        ("rollaxis", (2, 3, 4), (0, 3)),
        ("diagflat", (2, 2), ()),
        ("diagflat", (2,), (-1,)),
        ("real", (2, 3), ()),
        ("conjugate", (2, 3), ()),
        ("positive", (2, 3), ()),
        ("nan_to_num", (2, 3), ()),
        ("cumulative_sum", (4,), ()),
        ("cumulative_prod", (4,), ()),
        ("nancumsum", (2, 3), (1,)),
        ("nancumprod", (2, 3), ()),
    ]:
        label = " ".join(map(str, (shape, *arguments)))
        yield Case(operation, label, named(operation, *arguments), [signed(*shape)])
    for operation in ("cumulative_sum", "cumulative_prod"):
        call = named(operation, axis=1, include_initial=True)
        yield Case(operation, "with the initial value", call, [signed(2, 3)])
    for operation, shape, parts, part in [
        ("hsplit", (4,), 2, 1),
        ("hsplit", (2, 3), [1], 1),
        ("vsplit", (4, 2), 2, 0),
        ("dsplit", (2, 1, 4), [1, 3], 1),
    ]:
        call = first(operation, parts, part=part)
        yield Case(operation, f"{shape} {parts}", call, [normal(*shape)])
    for shapes, keywords in [(((2, 3), (2,)), {}), (((2, 3), (1, 3)), {"axis": 0})]:
        yield Case("append", f"{shapes}", named("append", **keywords), list(map(normal_of, shapes)))
    for position, axis, shapes in [
        (1, None, ((4,), (2,))),
        ([0, 3], None, ((4,), (2,))),
        (1, 1, ((2, 3), (2,))),
        ([0, 1], 0, ((2, 3), (2, 3))),
        (-1, 0, ((2, 3), ())),
    ]:
        yield Case(
            "insert",
            f"{position} {axis} {shapes}",
            lambda m, x, y, p=position, axis=axis: m.insert(x, p, y, axis),
            list(map(normal_of, shapes)),
        )
    yield Case("dstack", "", lambda m, x, y: m.dstack([x, y]), [normal(2, 3), normal(2, 3)])
    yield Case("dstack", "vectors", lambda m, x, y: m.dstack((x, y)), [normal(3), normal(3)])
    yield Case(
        "block",
        "nested",
        lambda m, x, y, z: m.block([[x, y], [z, z]]),
        [normal(2, 2), normal(2, 2), normal(1, 2)],
    )
    yield Case("block", "vectors", lambda m, x, y: m.block([x, y]), [normal(2), normal()])
    yield Case("block", "one", named("block"), [normal(2)])
    yield Case(
        "compress", "", lambda m, x: m.compress([True, False, True], x, axis=1), [normal(2, 3)]
    )
    mask = np.array([[True, False, True], [False, True, True]])
    yield Case("extract", "", lambda m, x: m.extract(mask, x), [normal(2, 3)])
    yield Case(
        "broadcast_arrays",
        "",
        lambda m, x, y: m.broadcast_arrays(x, y)[0] * m.broadcast_arrays(x, y)[1],
        [normal(3, 1), normal(2)],
    )


def normal_of(shape: tuple[int, ...]) -> np.ndarray:
    """Draw numbers of a shape."""
    return normal(*shape)


GAPS = np.array([[np.nan, 1.0, 1.0, 1.0], [1.0, 1.0, np.nan, np.nan], [1.0, 1.0, 1.0, 1.0]])


def with_gaps(operation: str, **keywords: Any) -> Callable[..., Any]:
    """Make a call with an array in which some elements are replaced by nan."""
    return lambda m, x: getattr(m, operation)(m.where(np.isnan(GAPS), GAPS, x), **keywords)


def _skipping() -> Iterator[Case]:
    mask = np.array(
        [[True, False, True, True], [True, True, False, True], [True, True, True, False]]
    )
    for operation in ("nanmax", "nanmin", "nanprod", "nanvar", "nanstd", "nanmedian"):
        settings: list[dict[str, Any]] = [{}, {"axis": 0}, {"axis": (1, 0), "keepdims": True}]
        if operation in ("nanmax", "nanmin", "nanprod"):
            settings.append({"axis": 1, "initial": 1.25, "where": mask})
        if operation in ("nanvar", "nanstd"):
            settings += [{"axis": 1, "ddof": 0.5}, {"where": mask}]
        for keywords in settings:
            label = f"constant gaps {[*keywords]}"
            yield Case(operation, label, with_gaps(operation, **keywords), [distinct(3, 4)])
    for operation, q in (("nanquantile", 0.3), ("nanpercentile", [20, 65])):
        for keywords in ({}, {"axis": 1}):
            label = f"constant gaps {keywords}"
            call = with_gaps(operation, q=q, **keywords)
            yield Case(operation, label, call, [distinct(3, 4)])
    for operation in ("sum", "prod", "max", "min"):
        for keywords in ({"initial": 1.5}, {"axis": 0, "initial": -0.7, "where": mask}):
            call = named(operation, **keywords)
            yield Case(operation, f"constant {[*keywords]}", call, [distinct(3, 4)])
    for operation in ("mean", "var", "std"):
        call = named(operation, axis=1, keepdims=True, where=mask)
        yield Case(operation, "constant where", call, [distinct(3, 4)])
        if operation != "mean":
            call = lambda m, x, o=operation: getattr(m, o)(x, 1, mean=m.mean(x, 1, keepdims=True))  # noqa: E731
            yield Case(operation, "given mean", call, [distinct(3, 4)])
    yield Case("reshape", "order", named("reshape", (2, -1), order="F"), [normal(3, 4)])


def _statistics() -> Iterator[Case]:
    for q, keywords in [
        (0.3, {}),
        ([0.0, 0.45, 1.0], {"axis": 1}),
        ([[0.2], [0.9]], {"axis": 0, "keepdims": True}),
        (0.4, {"axis": 1, "method": "hazen"}),
        (0.4, {"method": "nearest"}),
        (0.4, {"method": "averaged_inverted_cdf", "axis": (0, 1)}),
    ]:
        yield Case(
            "quantile", f"{q} {keywords}", named("quantile", q, **keywords), [distinct(3, 4)]
        )
    for q in (35, [5, 70]):
        call = named("percentile", q, axis=1)
        yield Case("percentile", f"{q}", call, [distinct(3, 4)])
    times = np.array([1, 2, 0, 3, 1])
    for keywords in ({}, {"bias": True}, {"ddof": 0}, {"rowvar": False}, {"fweights": times}):
        yield Case("cov", f"{[*keywords]}", named("cov", **keywords), [normal(2, 5)])
    yield Case("cov", "two rows", named("cov"), [normal(4), normal(4)])
    yield Case("cov", "one row", named("cov"), [normal(4)])
    yield Case(
        "cov",
        "weights",
        lambda m, x, w: m.cov(x, aweights=w, fweights=times),
        [normal(2, 5), positive(5)],
        lambda x, w: np.cov(x, aweights=np.abs(w), fweights=times),
    )
    yield Case("corrcoef", "", lambda m, x: m.corrcoef(x)[0, 1:], [normal(3, 5)])
    yield Case("corrcoef", "two rows", lambda m, x, y: m.corrcoef(x, y)[0], [normal(4), normal(4)])


def _calculus() -> Iterator[Case]:
    for shape, keywords in [
        ((4,), {}),
        ((3, 4), {"axis": 1}),
        ((4,), {"edge_order": 2}),
    ]:
        call = named("gradient", **keywords)
        yield Case("gradient", f"{shape} {keywords}", call, [normal(*shape)])
    for part in (0, 1):
        call = first("gradient", 0.5, part=part)
        yield Case("gradient", f"of both axes, {part}", call, [normal(3, 2)])
    for order in (1, 2):
        yield Case(
            "gradient",
            f"places {order}",
            lambda m, x, y, order=order: m.gradient(x, m.cumsum(y), edge_order=order),
            [normal(5), positive(5)],
        )
    yield Case("gradient", "distance", lambda m, x, h: m.gradient(x, h), [normal(4), positive()])
    for shape, keywords in [((4,), {}), ((3, 4), {"axis": 0}), ((4,), {"dx": 0.5})]:
        yield Case(
            "trapezoid", f"{shape} {keywords}", named("trapezoid", **keywords), [normal(*shape)]
        )
    yield Case("trapezoid", "places", named("trapezoid"), [normal(2, 4), normal(4)])
    yield Case("trapezoid", "places each", named("trapezoid"), [normal(2, 4), normal(2, 4)])
    places, x = np.array([0.0, 1.0, 2.5, 3.0]), np.array([[-0.7, 0.3, 1.8], [2.6, 3.7, 0.9]])
    yield Case("interp", "", named("interp"), [x, places, normal(4)])
    yield Case("interp", "ends", named("interp", left=1.5, right=-2.0), [x, places, normal(4)])
    period = named("interp", period=2.25)
    yield Case("interp", "period", period, [x, np.array([2.0, 0.5, 1.4]), normal(3)])
    yield Case("interp", "one point", named("interp"), [x, np.array([1.25]), normal(1)])
    for operation in ("convolve", "correlate"):
        for mode in ("full", "same", "valid"):
            for n, m in ((5, 3), (2, 5), (4, 4)):
                arrays = [normal(n), normal(m)]
                yield Case(operation, f"{mode} {n} {m}", named(operation, mode), arrays)
    yield Case("polyval", "", named("polyval"), [normal(4), normal(2, 3)])
    yield Case("polyval", "one coefficient", named("polyval"), [normal(1), normal()])


def _branches() -> Iterator[Case]:
    for left, right in [((3, 1), (1, 4)), ((4,), ()), ((), (2,))]:
        arrays, text = [signed(*left), signed(*right)], left == (3, 1)
        yield Case("heaviside", f"{left} {right}", named("heaviside"), arrays, text=text)
    yield Case(
        "heaviside",
        "constant at the step",
        lambda m, y: m.heaviside([0.0, 1.0, -1.0], y),
        [normal(3)],
    )
    conditions = [np.array([True, False, False]), np.array([True, True, False])]
    yield Case(
        "select",
        "",
        lambda m, x, y, z: m.select(conditions, [x, y], z),
        [normal(3), normal(2, 3), normal()],
    )
    yield Case("select", "0", lambda m, x: m.select(conditions, [x, 2 * x]), [normal(3)])
    pieces: list[Any] = [lambda x: -x, lambda x: x * x, lambda x: 3 * x]
    for count in (2, 3):
        yield Case(
            "piecewise",
            f"{count} pieces",
            lambda m, x, n=count: m.piecewise(x, [BELOW, ABOVE], pieces[:n]),
            [normal(2, 3)],
        )
    yield Case(
        "piecewise",
        "one condition",
        lambda m, x: m.piecewise(x, [BELOW], [np.exp, 2.0]),
        [normal(2, 3)],
    )
    x = np.round(8 * signed(2, 3)) / 8 + 0.0625
    yield Case("divmod", "remainder", first("divmod", 0.75, part=1), [x])
    yield Case("modf", "fraction", first("modf"), [x])


BELOW = np.array([[True, False, False], [True, False, True]])
ABOVE = np.array([[False, True, False], [False, False, False]])


def _rows() -> Iterator[Case]:
    for operation, shapes in [
        ("vecdot", ((2, 3), (3,))),
        ("vecdot", ((3,), (3,))),
        ("matvec", ((2, 3), (3,))),
        ("matvec", ((4, 1, 2, 3), (2, 3))),
        ("vecmat", ((2,), (2, 3))),
        ("vecmat", ((4, 1, 2), (3, 2, 3))),
    ]:
        yield Case(operation, f"{shapes}", named(operation), list(map(normal_of, shapes)))
    arrays = [normal(2, 3), normal(2, 1)]
    yield Case("vecdot", "axis", named("vecdot", axis=0), arrays)


def _padded() -> Iterator[Case]:
    widths = ((2, 1), (1, 2))
    for mode, keywords in [
        ("mean", {}),
        ("median", {}),
        ("maximum", {"stat_length": 2}),
        ("minimum", {"stat_length": ((1, 2), (3, 2))}),
        ("linear_ramp", {}),
        ("linear_ramp", {"end_values": ((1.0, 2.0), (3.0, 4.0))}),
        ("reflect", {"reflect_type": "odd"}),
        ("symmetric", {"reflect_type": "odd"}),
    ]:
        call = named("pad", widths, mode, **keywords)
        yield Case("pad", f"{mode} {keywords}", call, [distinct(3, 4)])
    yield Case("pad", "by axis", named("pad", {1: (1, 2)}, "edge"), [normal(2, 3)])
    yield Case(
        "pad",
        "negative widths",
        named("pad", ((-1, 2), (1, -2))),
        [normal(3, 4)],
        lambda x: np.pad(x[1:, :-2], ((0, 2), (1, 0))),
    )


FAMILIES = (
    _assembled, _skipping, _statistics, _calculus, _branches, _rows, _padded,
)  # fmt: skip
