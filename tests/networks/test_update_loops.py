"""Tests that mistakes of the loop over all parameters are described, and nothing else is.

Parameters are drawn without a seed. Code with the corrected line must be right.
"""

import inspect

import numpy as np
import pytest

from nn import check_update
from nn.by_hand.updates.check_update import _PASSED, _RULES
from nn.by_hand.updates.courses import Loop

from .update_kinds import KINDS


def squares(count=3):
    generator = np.random.default_rng()
    return {f"W{number}": generator.normal(size=(3, 3)) for number in range(1, count + 1)}


def layers():
    generator = np.random.default_rng()
    shapes = {"W1": (4, 3), "b1": (3,), "W2": (3, 2), "b2": (2,)}
    return {name: generator.normal(size=shape) for name, shape in shapes.items()}


def diagnosis_of(check):
    assert not check.agree
    (diagnosis,) = check.diagnoses
    return diagnosis


@pytest.mark.parametrize("name", ["a local copy", "a list that is not written"])
def test_a_corrected_line_is_right(name):
    rule, _, _, step = KINDS[name]
    diagnosis = diagnosis_of(check_update(step, rule, params=layers()))
    lines = inspect.getsource(step)
    lines = lines[lines.index("def ") :]  # without the decorator
    assert lines.count(diagnosis.line.code) == 1
    corrected = lines.replace(diagnosis.line.code, diagnosis.right)
    names = {"np": np}
    exec(corrected, names)  # the code of a test, with the line of the report
    assert check_update(names[step.__name__], rule, params=layers()).agree


def test_a_return_inside_of_the_loop_is_named():
    def step(params, grads, lr):  # noqa: RET503
        for k in params:
            params[k] = params[k] - lr * grads[k]
            return params

    diagnosis = diagnosis_of(check_update(step, "sgd", params=layers()))
    assert "only the first parameter W1 is changed" in diagnosis.sentence
    assert diagnosis.line.code == "return params"
    assert diagnosis.explains == ("b1", "W2", "b2")


def test_a_local_copy_of_one_parameter_is_named():
    def step(w, g, v, lr, mu):
        v *= mu
        v += g
        w = w - lr * v

    diagnosis = diagnosis_of(check_update(step, "momentum"))
    assert "W1 and b1 are not changed in any step" in diagnosis.sentence
    assert diagnosis.right == "w -= lr * v"


def test_a_list_is_not_taken_for_single_arrays():
    def step(params, grads, lr):
        for i in range(len(params) - 1):
            params[i] -= lr * grads[i]

    check = check_update(step, "sgd", params=layers())
    assert "b2 is not changed in any step" in diagnosis_of(check).sentence
    assert check.notes[-1].endswith("with lists of all parameters")


def test_what_is_not_stored_may_be_wrong_too():
    def step(params, grads, v, lr, mu):
        for k, w in params.items():
            v[k] = mu * v[k] + grads[k]
            w = w + lr * v[k]

    check = check_update(step, "momentum", params=layers())
    assert [one.kind for one in check.diagnoses] == ["unchanged", "gradient added"]
    assert {one.line.code for one in check.diagnoses} == {"w = w + lr * v[k]"}
    assert [one.right for one in check.diagnoses] == ["", ""]


def test_parameters_that_change_are_judged_without_the_others():
    def step(params, grads, lr):
        for k in params:
            if k.startswith("W"):
                params[k] = params[k] + lr * grads[k]

    first, second = check_update(step, "sgd", params=layers()).diagnoses
    assert "the biases b1 and b2 are not changed" in first.sentence
    assert (second.kind, second.explains) == ("gradient added", ("W1", "W2"))


def test_a_parameter_that_changes_once_is_not_called_unchanged():
    def step(w, g, t, lr):
        return w - lr * g if t == 4 else w

    check = check_update(step, "sgd")
    assert not check.agree
    assert "unchanged" not in [one.kind for one in check.diagnoses]


def test_gradients_of_other_parameters_are_named():
    def step(params, grads, lr):
        for k in params:
            params[k] -= lr * grads["W1"]

    diagnosis = diagnosis_of(check_update(step, "sgd", params=squares()))
    assert "W2 and W3 get the gradient of W1" in diagnosis.sentence
    assert diagnosis.right == "params[k] -= lr * grads[k]"

    def reversed_lists(weights, grads, lr):
        for w, g in zip(weights, reversed(grads), strict=True):
            w -= lr * g

    diagnosis = diagnosis_of(check_update(reversed_lists, "sgd", params=squares()))
    assert "W1 gets the gradient of W3 and W3 gets the gradient of W1" in diagnosis.sentence
    assert diagnosis.right == "for w, g in zip(weights, grads, strict=True):"


# A rule written with one dictionary for each of what it keeps, `key` of a parameter in each.
def adam(keys, params, grads, state, lr, beta1, beta2, eps):
    for k in params:
        m, v, t = keys(k)
        state[t] = state.get(t, 0) + 1
        state[m] = beta1 * state.get(m, 0) + (1 - beta1) * grads[k]
        state[v] = beta2 * state.get(v, 0) + (1 - beta2) * grads[k] ** 2
        m_hat, v_hat = state[m] / (1 - beta1 ** state[t]), state[v] / (1 - beta2 ** state[t])
        params[k] = params[k] - lr * m_hat / (np.sqrt(v_hat) + eps)


@pytest.mark.parametrize(
    ("shared", "kind", "words"),
    [
        ("", None, ""),
        ("m", "shared state", "m is shared by all parameters"),
        ("v", "shared state", "v is shared by all parameters"),
        ("mv", "shared state", "m and v are shared by all parameters"),
        ("t", "t counts parameters", "t counts parameters instead of steps"),
        ("mvt", "shared state", "must be the same for all parameters"),
    ],
)
def test_what_is_shared_is_named(shared, kind, words):
    def keys(k):
        return [one if one in shared else f"{one} of {k}" for one in "mvt"]

    def step(params, grads, state, lr, beta1, beta2, eps):
        adam(keys, params, grads, state, lr, beta1, beta2, eps)

    check = check_update(step, "adam", params=squares())
    assert check.agree == (not shared)
    assert [one.kind for one in check.diagnoses] == [kind] * bool(shared)
    assert all(words in one.sentence and one.line for one in check.diagnoses)
    # With one parameter there is nothing to share.
    assert check_update(step, "adam", params=squares(1)).agree


def test_a_velocity_that_is_almost_a_shared_one_is_not_called_that():
    nudge = 1 + 1e-6

    def step(params, grads, state, lr, mu):
        for k in params:
            state["v"] = mu * state.get("v", 0) + grads[k]
            params[k] = params[k] - lr * state["v"] * nudge

    check = check_update(step, "momentum", params=squares())
    assert not check.agree
    assert "shared state" not in [one.kind for one in check.diagnoses]


@pytest.mark.parametrize("rule", [one for one in _RULES if one not in ("sgd", "adagrad")])
def test_a_shared_state_is_found_in_any_order(rule):
    """The oracle is the function of the textbook, called with a state that goes on."""
    function, settings, kept = _RULES[rule]
    values = {name: _PASSED[name] for name in settings}
    counts = "t" in inspect.signature(function).parameters

    def step(params, grads, state, lr):
        state["t"] = state.get("t", 0) + 1
        time = [state["t"]] if counts else []
        for k in reversed(params):
            before = [state.get(one, 0 * params[k]) for one in kept]
            params[k], *after = function(
                params[k], grads[k], *before, *time, **{**values, "lr": lr}
            )
            state.update(zip(kept, after, strict=True))

    values["weight_decay"] = 0.0
    check = check_update(step, rule, params=squares(), **{**values, "lr": 0.05})
    assert [one.kind for one in check.diagnoses] == ["shared state"]


def test_the_gradient_of_a_loop_is_its_own_another_or_a_number():
    gradients = squares(2)
    assert Loop().gradient("W1", gradients) is gradients["W1"]
    assert Loop(gradient_of={"W1": "W2"}).gradient("W1", gradients) is gradients["W2"]
    assert Loop(reduced="mean").gradient("W1", gradients) == np.mean(gradients["W1"])
