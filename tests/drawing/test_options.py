"""Tests of DrawOptions: its checks, and the old keywords of `draw` that it replaces."""

import dataclasses
import inspect

import pytest

from tinygrad_edu import DrawOptions, Tensor, draw

OLD = {
    "depth": 1,
    "expand": {"x"},
    "collapse": lambda path: True,
    "values": "stats",
    "backward": True,
    "rules": True,
    "legend": False,
    "on_large": "truncate",
    "engine": "builtin",
    "timeout": 3.0,
    "notebook_png": True,
}


def product():
    x = Tensor([2.0, 3.0], requires_grad=True, name="x")
    return (x * 3).sum()


def test_each_option_was_a_keyword_or_is_newer():
    newer = {"fold"}
    assert {field.name for field in dataclasses.fields(DrawOptions)} == {*OLD, *newer}
    assert len(inspect.signature(draw).parameters) <= 11


# Only a DeprecationWarning is allowed here: the new spelling warns of nothing, or the test fails.
@pytest.mark.parametrize("name", OLD)
def test_old_keywords_work_and_say_what_to_write(name):
    with pytest.warns(DeprecationWarning, match="is deprecated; write") as caught:
        old = draw(product(), **{name: OLD[name]})
    (warning,) = caught
    assert str(warning.message) == (
        f"draw({name}=...) is deprecated; write draw(..., options=DrawOptions({name}=...))"
        " (the old name works until version 0.3)"
    )
    assert warning.filename == __file__
    new = draw(product(), options=DrawOptions(**{name: OLD[name]}))
    assert (old.dot, old.svg(), old.table()) == (new.dot, new.svg(), new.table())


def test_old_keywords_are_checked_as_the_options_are():
    with (
        pytest.warns(DeprecationWarning, match="engine"),
        pytest.raises(ValueError, match="unknown engine 'pygraphviz'; known are 'auto', 'dot'"),
    ):
        draw(product(), engine="pygraphviz")


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"thema": "dark"}, r"^draw\(\) got an unexpected keyword argument 'thema'$"),
        ({"options": {"rules": True}}, r"must be a DrawOptions, got a dict; write options=Draw"),
        (
            {"options": DrawOptions(), "rules": True},
            r"all options of draw\(\) as options=DrawOptions\(rules=\.\.\., \.\.\.\)",
        ),
    ],
)
def test_wrong_keywords_are_refused_in_one_line(keywords, message):
    with pytest.raises(TypeError, match=message) as caught:
        draw(product(), **keywords)
    assert "\n" not in str(caught.value)
