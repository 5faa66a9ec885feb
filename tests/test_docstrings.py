"""Tests the docstrings of public names: each names its parameters and has an example. That the
examples run is tested in `test_documents.py`.
"""

import inspect
import re

import pytest

import nn
import tinygrad_edu

FEW = 2  # so many parameters are clear without a section
HIDDEN = ("sum", "max", "min", "any", "all", "abs", "pow", "round")  # `import *` leaves them out


def public_names(package):
    """Yield each public name of a package with what it stands for, once; only its own things."""
    extra = HIDDEN if package is tinygrad_edu else ()
    found = set()
    for name in sorted({*package.__all__, *extra}):
        thing = getattr(package, name)
        if id(thing) not in found and (inspect.isclass(thing) or callable(thing)):
            found.add(id(thing))
            yield f"{package.__name__}.{name}", thing


def public_callables(package):
    """Yield the public names, and the public methods that their classes define or inherit here."""
    for name, thing in public_names(package):
        yield name, thing
        if inspect.isclass(thing):
            for member in dir(thing):
                method = inspect.getattr_static(thing, member)
                method = getattr(method, "__func__", method)  # of a class or static method
                own = (getattr(method, "__module__", "") or "").split(".")[0]
                if callable(method) and member[0] != "_" and own in ("tinygrad_edu", "nn"):
                    yield f"{name}.{member}", method


def section(thing, heading):
    """Return the lines of a section of a docstring, or None."""
    text = inspect.getdoc(thing) or ""
    match = re.search(rf"^{heading}\n-+\n(.*?)(?=^[A-Z][A-Za-z ]+\n-{{3,}}$|\Z)", text, re.S | re.M)
    return match and match[1]


def parameters_of(thing):
    """List the parameters that a caller gives, as NumPy style writes them.

    What wraps a function of NumPy has the parameters that NumPy documents.
    """
    if not inspect.unwrap(thing).__module__.startswith(("tinygrad_edu", "nn", "tests")):
        return []
    try:
        parameters = list(inspect.signature(thing).parameters.values())
    except (TypeError, ValueError):  # a class that takes what its base takes
        return []
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    names = [stars.get(one.kind, "") + one.name for one in parameters]
    # **unknown is there to refuse names, not to take them.
    return [name for name in names if name not in ("self", "cls", "**unknown")]


def unnamed(thing):
    """List the parameters that the section leaves out; none where there are few."""
    parameters = parameters_of(thing)
    # A class that only results are made of may call them attributes.
    headings = ["Parameters", "Attributes"] if inspect.isclass(thing) else ["Parameters"]
    lines = "".join(section(thing, heading) or "" for heading in headings).splitlines()
    heads = [line.partition(":")[0] for line in lines if line[:1].strip()]
    named = {name.strip() for head in heads for name in head.split(",")}
    return [name for name in parameters if name not in named] if len(parameters) > FEW else []


@pytest.mark.parametrize("package", [tinygrad_edu, nn], ids=lambda package: package.__name__)
def test_parameters_are_named(package):
    found = {name: unnamed(thing) for name, thing in public_callables(package)}
    missing = [f"{name}: {', '.join(names)}" for name, names in found.items() if names]
    assert not missing, f"{len(missing)} without these parameters:\n" + "\n".join(missing)


@pytest.mark.parametrize("package", [tinygrad_edu, nn], ids=lambda package: package.__name__)
def test_public_names_have_examples(package):
    missing = [
        name
        for name, thing in public_names(package)
        if ">>> " not in (section(thing, "Examples") or "")
    ]
    assert not missing, f"{len(missing)} without an Examples section:\n" + "\n".join(missing)


# A test of the test ----------------------------------------------------------------------------


def complete(x, y, *rest, z=1, **more):
    """Do nothing.

    Parameters
    ----------
    x, y : Tensor
        Two.
    *rest : Tensor
        More.
    z : int
        A number: of no use.
    **more
        The rest.

    Examples
    --------
    >>> complete(1, 2)

    Notes
    -----
    >>> this is another section
    """


def lacking(x, y, z):
    """Do nothing.

    Parameters
    ----------
    x : Tensor
        Not y : nor z.

    Notes
    -----
    z : int
    >>> there is no example
    """


def test_missing_parts_are_noticed():
    assert parameters_of(complete) == ["x", "y", "*rest", "z", "**more"]
    assert unnamed(complete) == []
    assert section(complete, "Examples").split() == [">>>", "complete(1,", "2)"]
    assert unnamed(lacking) == ["y", "z"]
    assert section(lacking, "Examples") is None
    assert unnamed(lambda x, y: None) == []
    names = {name for name, _ in public_callables(nn)}
    assert {"nn.Classifier.fit", "nn.MLP.parameters", "nn.SGD.step"} <= names
    assert "tinygrad_edu.sum" in dict(public_names(tinygrad_edu))
