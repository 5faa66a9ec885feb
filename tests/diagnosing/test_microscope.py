"""Tests the numerical microscope: its errors are those that loops in plain NumPy find, its theory
is that of known derivatives, kinks are seen, and nothing of its figure is cut.
"""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

import tinygrad_edu
from tinygrad_edu import (
    Tensor,
    clip,
    exp,
    log,
    maximum,
    relu,
    sin,
    softmax_cross_entropy,
    tanh,
    where,
)
from tinygrad_edu.diagnosing import Microscope, microscope, step_errors

FORWARD, CENTRAL, COMPLEX = "forward differences", "central differences", "complex step"
STEPS = np.logspace(-1, -16, 91)
POINT = [0.5, 1.2]


def wave(x):
    return (exp(x) * sin(x)).sum()


def wave_of_array(x):
    return (np.exp(x) * np.sin(x)).sum()


def curve_texts(seen):
    """All texts of the panels of its figure."""
    return [text.get_text() for axes in seen.figure().axes for text in axes.texts]


# Numbers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("method", [FORWARD, CENTRAL, COMPLEX])
def test_errors_are_those_of_a_loop_in_numpy(method, dtype):
    seen = microscope(wave, POINT)
    assert seen.place == "input 0[1]"  # exp(x) (sin(x) + cos(x)) is larger at 1.2
    assert seen.reference == pytest.approx(np.exp(1.2) * (np.sin(1.2) + np.cos(1.2)), rel=1e-14)
    curve = seen.curve(method, dtype)
    np.testing.assert_allclose(curve.steps, STEPS, rtol=1e-12)
    here = np.array(POINT, dtype)
    slope = float(np.exp(float(here[1])) * (np.sin(float(here[1])) + np.cos(float(here[1]))))
    for step, error in zip(curve.steps, curve.errors, strict=True):
        step = float(step)
        ahead, behind = here.copy(), here.copy()
        ahead[1] += step
        behind[1] -= step
        if method == FORWARD:
            found = (wave_of_array(ahead) - wave_of_array(here)) / step
        elif method == CENTRAL:
            found = (wave_of_array(ahead) - wave_of_array(behind)) / (2 * step)
        else:
            moved = here + np.array([0, 1j * step], f"complex{2 * int(dtype[-2:])}")
            found = wave_of_array(moved).imag / step
        expected = abs(float(found) - slope) / abs(slope)
        # Another order of the same operations: a last digit of what is not divided by the step.
        last = 5e-7 if method == COMPLEX and dtype == "float32" else 1e-15
        assert error == pytest.approx(expected, rel=1e-3, abs=last)


def test_best_steps_are_where_theory_expects_them():
    seen = microscope(wave, POINT)
    for dtype, eps in (("float64", 2.0**-52), ("float32", 2.0**-23)):
        for method, power in ((FORWARD, 1 / 2), (CENTRAL, 1 / 3)):
            curve = seen.curve(method, dtype)
            assert curve.theory == pytest.approx(eps**power)
            assert curve.theory / 10 < curve.best_step < curve.theory * 10
            assert curve.best_error < 100 * eps ** (1 - power)
    exact = seen.curve(COMPLEX)
    assert exact.best_error < 1e-15
    assert exact.best_step > 1e-9
    assert (exact.errors[exact.steps < 1e-8] < 1e-14).all()  # no round-off, however small the step
    assert np.isnan(exact.theory)


def test_a_lucky_hit_is_not_the_best_step():
    errors = np.where(STEPS > 1e-5, STEPS, 1e-10 / STEPS)
    errors[80] = 0.0
    found = step_errors._curve(FORWARD, np.dtype("float64"), errors)
    assert found.best_step == pytest.approx(1e-5, rel=0.5)
    errors[:] = 0.5
    assert np.isnan(step_errors._curve(FORWARD, np.dtype("float64"), errors).best_step)


def test_guides_are_the_errors_that_derivatives_predict():
    x = 0.7
    seen = microscope(exp, x)
    guides = {(guide.dtype, guide.order): guide for guide in seen.guides}
    assert guides["float64", 1].size == pytest.approx(1 / 2, rel=1e-4)  # f''/2 over f'
    assert guides["float64", 2].size == pytest.approx(1 / 6, rel=1e-4)  # f'''/6 over f'
    assert guides["float64", -1].size == pytest.approx(2.0**-52)
    assert guides["float32", -1].size == pytest.approx(2.0**-23)
    assert {guide.word for guide in seen.guides} == {"truncation", "round-off"}
    curve = seen.curve(CENTRAL)
    large = (curve.steps > 1e-3) & (curve.steps < 1e-2)
    np.testing.assert_allclose(curve.errors[large], curve.steps[large] ** 2 / 6, rtol=1e-3)


def test_nothing_of_a_straight_line_is_truncated():
    seen = microscope(lambda x: 3 * x, 2.0)
    assert {guide.word for guide in seen.guides} == {"round-off"}
    assert microscope(lambda x: x * x, 2.0).curve(CENTRAL).error_at(0.1) < 1e-14


def test_a_network_and_a_chosen_element():
    generator = np.random.default_rng(0)
    x, labels = generator.normal(size=(5, 4)), np.array([0, 1, 1, 0, 2])
    weights = [Tensor(generator.normal(size=s), True) for s in ((4, 6), (6, 3))]

    def loss(x, labels, first, second):
        return softmax_cross_entropy(tanh(x @ first) @ second, labels)

    before = weights[1].numpy()
    seen = microscope(loss, x, labels, *weights, of=3, index=(-1, 2))
    total = softmax_cross_entropy(tanh(x @ weights[0]) @ weights[1], labels)
    total.backward()
    assert seen.place == "input 3[5, 2]"
    assert seen.reference == pytest.approx(weights[1].grad[5, 2], rel=1e-12)
    assert seen.curve(CENTRAL).error_at(1e-5) < 1e-8
    np.testing.assert_array_equal(weights[1].data, before)
    largest = microscope(loss, x, labels, *weights, of=3)
    assert abs(largest.reference) == pytest.approx(np.abs(weights[1].grad).max())


# What it says ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x", "operation"),
    [
        (relu, 0.003, "relu"),
        (relu, -0.003, "relu"),
        (abs, 0.003, "absolute"),
        (lambda x: maximum(x, 1.0), 1.003, "maximum"),
        (tinygrad_edu.max, [1.0, 1.003], "max"),
        (lambda x: tinygrad_edu.min(x * 1.0), [1.0, 1.003], "min"),
        (lambda x: clip(x, -1.0, 1.0), 0.997, "clip"),
        (lambda x: where(x.data > 1.0, x * 2.0, x), 1.003, "where"),
        (lambda x: x * x * x if x.data.real > 1.0 else x * 1.0, 1.003, "a condition in f"),
    ],
)
def test_the_step_that_crosses_a_kink(f, x, operation):
    # A second term keeps the gradient from being 0 on one side.
    seen = microscope(lambda x: (f(x) + 0.1 * x).sum(), x, index=1 if isinstance(x, list) else None)
    assert seen.kink.operation == operation
    assert 0.003 * 0.999 < seen.kink.step < 0.003 * 10 ** (1 / 6)
    assert f"a kink of {operation} is near" in str(seen)
    assert f"across a kink of\n{operation}" in curve_texts(seen)
    assert seen.curve(CENTRAL).error_at(1e-5) < 1e-7


def test_at_a_kink_no_step_is_right():
    seen = microscope(lambda x: (relu(x) + x).sum(), [0.0, 1.0], index=0)
    assert seen.kink.step < 1e-15
    assert np.isnan(seen.curve(CENTRAL).best_step)
    assert "the input lies at a kink of relu" in str(seen)
    assert "none" in str(seen)
    assert "here the best step" not in seen.caption
    assert not any(text.startswith("best") for text in curve_texts(seen))
    assert microscope(wave, POINT).kink is None


def test_where_f_is_not_finite_the_curve_has_a_gap():
    seen = microscope(lambda x: log(x).sum(), [0.05])
    errors = seen.curve(CENTRAL).errors
    assert np.isnan(errors[0])
    assert np.isfinite(errors[10:]).all()
    assert "at some steps f is not finite; they are left out" in seen.notes


def test_functions_without_a_complex_step():
    seen = microscope(abs, 2.0)
    assert seen.curve(COMPLEX) is None
    assert "there is no complex step" in str(seen)


def test_a_function_that_computes_in_float64_whatever_it_is_given():
    seen = microscope(lambda x: (x * np.array([2.0])).sum(), [1.0])
    assert any("for inputs in float32, f returns float64" in note for note in seen.notes)
    assert microscope(wave, POINT).notes == ()


def test_a_gradient_of_zero_has_absolute_errors():
    seen = microscope(lambda x: x * x, 0.0)
    assert "the gradient is 0, so errors are absolute" in seen.notes
    assert seen.curve(FORWARD).error_at(0.1) == pytest.approx(0.1)
    assert seen.figure().axes[0].get_ylabel().startswith("absolute")


def test_the_text_is_a_table_and_a_caption():
    seen = microscope(wave, POINT)
    lines = str(seen).splitlines()
    assert lines[0].startswith("Gradient with respect to input 0[1], automatic in float64: 4.29")
    assert len([line for line in lines if "differences  float" in line]) == 4
    assert len([line for line in lines if line.startswith("complex step")]) == 2
    assert "eps^(1/3) = 6.1e-06" in str(seen)
    assert " ".join(str(seen).split()).endswith(f" {seen.caption}")
    assert max(map(len, lines)) <= 100
    assert repr(seen) == str(seen)  # no arrays at the prompt
    double, single = seen.curve(CENTRAL), seen.curve(CENTRAL, "float32")
    assert "Why 1e-5" in seen.caption
    assert f"{single.best_error:.0e}, where float64 gets to {double.best_error:.0e}" in seen.caption


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (wave, POINT),
        (lambda x: 3 * x, 2.0),
        (relu, 0.003),
        (lambda x: abs(log(x)), 0.05),
        (relu, 0.0),
    ],
)
def test_nothing_of_the_figure_is_cut(f, x):
    figure = microscope(f, x).figure()
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer, page = canvas.get_renderer(), figure.bbox
    texts = [text for axes in figure.axes for text in axes.texts]
    for text in (*texts, figure._suptitle, figure._supxlabel):
        box = text.get_window_extent(renderer)
        assert min(box.x0, box.y0) >= 0, text
        assert box.x1 <= page.x1, text
        assert box.y1 <= page.y1, text


def test_the_figure_shows_the_measured_errors():
    seen = microscope(wave, POINT)
    figure = seen.figure()
    for axes in figure.axes:
        assert axes.get_xscale() == axes.get_yscale() == "log"
        lines = {line.get_label(): line for line in axes.lines}
        for method in (FORWARD, CENTRAL, COMPLEX):
            curve = seen.curve(method, axes.get_title())
            drawn = np.maximum(curve.errors, 1e-17)
            np.testing.assert_array_equal(lines[method].get_ydata(), drawn)
    texts = curve_texts(seen)
    assert {"round-off ∝ 1/h", "truncation ∝ h", "truncation ∝ h²"} <= set(texts)
    best = [f"best {seen.curve(m, d).best_step:.0e}" for d in ("float64", "float32")
            for m in (FORWARD, CENTRAL)]  # fmt: skip
    assert [text for text in texts if text.startswith("best")] == best


def test_in_a_notebook_the_table_and_the_figure():
    seen = microscope(wave, POINT)
    bundle = seen._repr_mimebundle_()
    assert bundle["text/plain"] == str(seen)
    assert "data:image/png;base64," in bundle["text/html"]
    assert "forward differences" in bundle["text/html"]
    broken = Microscope("input 0", None, (), (), None, ())  # nothing that could be shown
    assert set(broken._repr_mimebundle_()) == {"text/plain"}


# Errors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "message", "f", "inputs", "options"),
    [
        (TypeError, "of must be the position", wave, [POINT], {"of": "x"}),
        (TypeError, "of must be the position", wave, [POINT], {"of": True}),
        (ValueError, "of is 1, but there is 1 input; count from 0", wave, [POINT], {"of": 1}),
        (ValueError, "of is 2, but there are 2 inputs", wave, [POINT, 1.0], {"of": 2}),
        (ValueError, r"no input to look at; .* microscope\(f, x\)", wave, [], {}),
        (ValueError, "input 0 is text, expected numbers", wave, ["x"], {}),
        (TypeError, "needs a function .* got a Tensor", Tensor(1.0), [POINT], {}),
        (TypeError, r"needs a function .* got a float; .* microscope\(f, x\)", 3.0, [POINT], {}),
        (ValueError, "input 0 has dtype int64, .* write 3.0 for 3", wave, [3], {}),
        (ValueError, "has no elements", wave, [np.zeros(0)], {}),
        (ValueError, r"there is no element \(2,\) in an input of shape \(2,\)", wave, [POINT],
         {"index": 2}),
        (ValueError, "there is no element", wave, [POINT], {"index": (0, 0)}),
        (TypeError, "index must be whole numbers", wave, [POINT], {"index": 0.5}),
        (ValueError, "f must return a Tensor, got a float", lambda x: 1.0, [POINT], {}),
        (ValueError, r"f must return a single .* shape \(2,\); add .sum", exp, [POINT], {}),
        (ValueError, "f is nan at these inputs", log, [-1.0], {}),
        (ValueError, "f does not depend on input 1", lambda x, y: x * 2.0, [1.0, 2.0], {"of": 1}),
        (ValueError, "f does not depend on input 0", lambda x: Tensor(1.0), [1.0], {}),
    ],
)  # fmt: skip
def test_errors_say_what_to_do(error, message, f, inputs, options):
    with pytest.raises(error, match=message):
        microscope(f, *inputs, **options)


def test_a_function_with_random_numbers_is_refused():
    generator = np.random.default_rng(0)
    with pytest.raises(ValueError, match="other values when called again"):
        microscope(lambda x: x * generator.normal(), 1.0)
