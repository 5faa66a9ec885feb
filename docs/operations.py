"""Writes ``docs/reference/operations.md``, the page of all operations, from the code.

Run it with ``make operations``. Only the opening of the page is written here. Signatures and prose
come from the functions, formulas and derivatives from the registry of primitives; tests compare
these with the computation.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from tinygrad_edu import batching, checkpointing, functional, ops, transforms
from tinygrad_edu.notation import Notation
from tinygrad_edu.primitive import PRIMITIVES, Primitive

PAGE = Path(__file__).parent / "reference" / "operations.md"

# The order of the families; a family that is missing here comes last.
ORDER = """
    arithmetic choosing branches elementwise trigonometric special reduction statistics moments
    quantiles skipping scan calculus shape joining assembling rearranging padding indexing
    scattering segments sorting triangles matrices products rows distances linalg activation
    hard_activation smooth_activation windows folding convolution transposed_convolution pooling
    adaptive_pooling interpolation normalization group_normalization recurrence attention loss
    margin_loss likelihood_loss classification
"""

# The first sentence of a function without a derivative ends like this.
PLAINLY = ": a plain array"

OPENING = """\
# Operations

<!-- Written by `make operations` from the operations themselves: change those, not this page. -->

{differentiable} differentiable operations under {names} names, built on {primitives} primitives;
{plain} more functions have no derivative and return plain arrays. Call each as `tinygrad_edu.f(x)`.
Those that NumPy has under the same name can also be called as `np.f(tensor)`, and both take
NumPy's spellings: arrays by NumPy's names (`sum(a=x)`), `a_min=` and `correction=`, `dtype=` (the
arrays are converted first), `where=` of elementwise functions (elements that are not selected are
0, which NumPy leaves undefined). `out=` is refused, because an operation makes a new result.
Methods of ufuncs, such as `np.add.reduce` and `np.multiply.outer`, differentiate too. `r_[x, 1]`
and `c_[x, y]` of the package join as `np.r_` and `np.c_` do, and its module `fft` has transforms of
real numbers. These are also methods: {methods}.

## How to read it

- Arrays come first, by position. Metadata follows, by name or by position; after a `*` only by
  name.
- A **primitive** has a derivative for each of its arrays: the gradient that flows back to it. `g`
  is the gradient that arrives at the output, and `out` is the output. `max`, `sum` and others are
  NumPy's or those of this page. The text describes whole arrays and the default metadata, and a
  test evaluates it; axes, broadcasting and awkward points are left to the code.
- An operation that is **composed** of others needs no derivative: theirs are used. The table shows
  its formula if it is a single expression, otherwise the operations that it calls.
- Every derivative is computed with operations of this page. So it can be differentiated again, to
  any order.

## Conventions

Where a function has a derivative, the gradient is exactly this derivative: `prod` and `cumprod`
do not divide by elements that may be 0. Where it has none, the first rule that applies decides,
unless the operation defines another value:

1. At a kink that points down: the slope of smallest norm among all lines that touch the function
   from below. This is 0 for `abs` and `relu` at 0, and for the norm of zeros. Elements that tie in
   `max` or `maximum` share the gradient equally.
2. At a kink that points up: the same, from above. Ties in `min` and `minimum` share equally.
3. At the edge of the domain: the limit. It is infinite for `sqrt` and `log` at 0, with NumPy's
   warning.
4. Outside the domain: nan.

The exception is `clip`: its gradient is 1 at both ends, because values within the limits keep their
gradient. If a function jumps, as `sign` does, the gradient is 0 on both sides and at the jump.

A gradient has the dtype and the shape of its tensor. Python numbers are weak, as in NumPy, so
`float32` stays `float32`. Integers and booleans have no gradient. Arguments have NumPy's names.
"""

HIGHER = """
## Higher orders

`grad(..., create_graph=True)` returns gradients that can be differentiated again. These functions
take a function; [derivatives of functions](../howto/functions.md) explains them:

| function | returns |
| --- | --- |
"""

FAMILY = """
## {title}

{intro} ({files})

| operation | formula | derivatives |
| --- | --- | --- |
"""

PLAIN = """
## Without a derivative

These functions take tensors and return plain arrays, because their derivative does not exist or is
zero wherever it exists. Functions of NumPy have its parameters. ({file})

| function | returns |
| --- | --- |
"""


@dataclass(frozen=True)
class Family:
    """A section of the page: operations with all their names, and the files they come from."""

    module: ModuleType
    operations: dict[Callable[..., Any], list[str]]

    @property
    def title(self) -> str:
        """Return the title of the section; `linalg` is written as in code."""
        name = self.module.__name__.rpartition(".")[2]
        return name if self.module is ops.linalg else name.replace("_", " ").capitalize()

    @property
    def link(self) -> str:
        """Return a link to the section, with the anchor that GitHub makes."""
        return f"[{self.title}](#{self.title.lower().replace(' ', '-')})"

    @property
    def files(self) -> list[str]:
        """Return the modules that the operations come from, the family's own first."""
        others = {function.__module__ for function in self.operations} - {self.module.__name__}
        return [self.module.__name__, *sorted(others)]

    @property
    def primitives(self) -> dict[str, Primitive]:
        """Return the primitives that are declared in its files."""
        return {p.name: p for p in PRIMITIVES.values() if p.forward.__module__ in self.files}


def families() -> list[Family]:
    """Collect the operations, each in one family, in the order of its file.

    Functions of `linalg` are shown there, whatever file they are in.
    """
    walked = pkgutil.walk_packages(ops.__path__, f"{ops.__name__}.")
    found = {info.name.rpartition(".")[2]: info.name for info in walked if not info.ispkg}
    order = [name for name in ORDER.split() if name in found]
    order += sorted(set(found) - set(order))
    names: dict[Any, list[str]] = {}
    for name in {*ops.__all__} - {"linalg", *constants()}:
        names.setdefault(getattr(ops, name), []).append(name)
    for function, known_as in names.items():  # aliases come after the function's own name
        aliases = set(known_as) - {function.__name__.lstrip("_")}
        known_as.sort(key=lambda name, aliases=aliases: (name in aliases, name))  # type: ignore[misc]
    for name in ops.linalg.__all__:
        function = getattr(ops.linalg, name)
        known_as = names.setdefault(function, [])
        has_section = known_as and function.__module__.rpartition(".")[2] in ORDER.split()
        known_as.insert(len(known_as) if has_section else 0, f"linalg.{name}")
    gathered = []
    for name in order:
        module = importlib.import_module(found[name])
        public = [value for name, value in vars(module).items() if name in module.__all__]
        functions = filter(callable, public)  # a module may also list constants
        known = {function: names[function] for function in functions if function in names}
        is_linalg = module is ops.linalg
        here = {f: also for f, also in known.items() if also[0].startswith("linalg.") == is_linalg}
        gathered.append(Family(module, here))
    return [family for family in gathered if family.operations]


def constants() -> list[str]:
    """List the functions without a derivative, recognised by their first sentence."""
    functions = ((name, getattr(ops, name)) for name in sorted(ops.__all__) if name != "linalg")
    return [name for name, function in functions if PLAINLY in first_sentence(function)]


def page() -> str:
    """Return the text of the page."""
    gathered = families()
    text = OPENING.format(
        differentiable=sum(len(family.operations) for family in gathered),
        names=sum(len(names) for family in gathered for names in family.operations.values()),
        primitives=sum(len(family.primitives) for family in gathered),
        plain=len(constants()),
        methods=", ".join(map(code, sorted(Notation.__annotations__))),
    )
    text += "\nFamilies: " + ", ".join(family.link for family in gathered) + ".\n"
    text += HIGHER
    for module in (transforms, functional, batching, checkpointing):
        text += "".join(simple_rows(module))
    for family in gathered:
        text += FAMILY.format(
            title=family.title,
            intro=prose(first_sentence(family.module)),
            files=", ".join(map(linked, family.files)),
        )
        text += "".join(rows(family)) + "".join(notes(family))
    text += PLAIN.format(file=linked(ops.plain.__name__))
    return text + "".join(plain_rows())


def linked(module: str) -> str:
    """Link to the file of a module, relative to the page."""
    path = module.replace(".", "/") + ".py"
    return f"[{path.removeprefix('tinygrad_edu/')}](../../{path})"


def rows(family: Family) -> Iterator[str]:
    """Write a row for each operation of a family, and for the primitives behind them."""
    primitives = family.primitives
    for function, (name, *others) in family.operations.items():
        primitive = primitives.pop(function.__name__.lstrip("_"), None)
        also = "also " + ", ".join(map(code, others)) if others else ""
        summary, *_ = paragraphs(function)
        yield row(
            lines(f"**{code(name + signature(function))}**", also, summary),
            code(primitive.formula) if primitive else composition(function),
            differentiated(primitive) if primitive else "composed",
        )
    for primitive in primitives.values():
        heading = code(primitive.name + signature(primitive.forward))
        formula, derivatives = code(primitive.formula), differentiated(primitive)
        yield row(lines(heading, "Used by other operations."), formula, derivatives)


def notes(family: Family) -> Iterator[str]:
    """Write the remaining paragraphs of the operations of a family, below their table."""
    lead = "\n"
    for function, (name, *_) in family.operations.items():
        _, *more = paragraphs(function)
        if more:
            yield f"{lead}- {code(name)}: {' '.join(more)}\n"
            lead = ""


def simple_rows(module: ModuleType) -> Iterator[str]:
    """Write a row for each function of a module: its name and its first sentence."""
    for name in sorted(module.__all__, key=list(vars(module)).index):
        function = getattr(module, name)
        yield row(f"**{code(name + signature(function))}**", prose(first_sentence(function)))


def plain_rows() -> Iterator[str]:
    """Write a row for each function that has no derivative."""
    for name in constants():
        summary, _, _ = first_sentence(getattr(ops, name)).partition(PLAINLY)
        yield row(code(name), prose(summary) + ".")


def row(*cells: str) -> str:
    """Write a row of a table; bars are escaped, because they would end a cell, in code too."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def lines(*texts: str) -> str:
    """Put texts below each other in one cell."""
    return "<br>".join(filter(None, texts))


def code(text: str) -> str:
    """Mark text as code."""
    return f"`{text}`" if text else ""


def signature(function: Callable[..., Any]) -> str:
    """Write the parameters of a function, without types and the mark of positional ones."""
    parameters = inspect.signature(function).parameters.values()
    # **unknown is there to refuse names.
    bare = [p.replace(annotation=p.empty) for p in parameters if p.name != "unknown"]
    named = [
        p.replace(kind=p.POSITIONAL_OR_KEYWORD) if p.kind is p.POSITIONAL_ONLY else p for p in bare
    ]
    return re.sub("<.*?>", "...", str(inspect.Signature(named)))  # defaults without a literal


def differentiated(primitive: Primitive) -> str:
    """Write the derivatives of a primitive, each with the name of its array."""
    parameters = inspect.signature(primitive.forward).parameters.values()
    arrays = [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY] or ["x", "y"]
    if len(primitive.derivatives) == 1:
        return code(primitive.derivatives[0])
    return "<br>".join(
        f"*{array}*: {code(text) or 'none'}"
        for array, text in zip(arrays, primitive.derivatives, strict=True)
    )


def composition(function: Callable[..., Any]) -> str:
    """Write the single expression of a function, or else the operations that it calls.

    An expression that calls a private helper would not help a reader.
    """
    match definition(function):
        case ast.FunctionDef(body=[ast.Expr(), ast.Return(value=ast.expr() as value)]):
            text = ast.unparse(value).replace(" ** ", "**")
            if not re.search(r"\b_", text):
                return code(text)
    used = dict.fromkeys(f.__name__.lstrip("_") for f in called(function, {function}))
    return "with " + ", ".join(map(code, used)) if used else ""


def called(function: Callable[..., Any], seen: set[Any]) -> Iterator[Callable[..., Any]]:
    """Find the operations that a function calls, directly or through helpers."""
    plain = inspect.unwrap(function)
    if not isinstance(plain, FunctionType):  # not written in Python
        return
    local = plain.__code__.co_varnames
    known = {name: value for name, value in plain.__globals__.items() if name not in local}
    nodes = [n for n in ast.walk(definition(function)) if isinstance(n, ast.Name | ast.Attribute)]
    for node in sorted(nodes, key=lambda node: (node.lineno, node.col_offset)):
        match node:
            case ast.Name(id=name):
                value = known.get(name)
            case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                value = getattr(known.get(name), attribute, None)
            case _:
                continue
        if not isinstance(value, FunctionType):
            continue
        if value in seen or not value.__module__.startswith(f"{ops.__name__}."):
            continue
        seen.add(value)
        if hasattr(value, "primitive") or value in vars(ops).values():
            yield value
        else:
            yield from called(value, seen)


def definition(function: Callable[..., Any]) -> ast.AST:
    """Parse the source of a function; return an empty module if there is none."""
    try:
        return ast.parse(inspect.getsource(function)).body[0]
    except (OSError, SyntaxError, TypeError):
        return ast.Module(body=[], type_ignores=[])


def documentation(thing: Any) -> str:
    return inspect.cleandoc(thing.__doc__ or "")


def first_sentence(thing: Any) -> str:
    """Return the first sentence of a docstring."""
    return re.split(r"(?<=\.)\s", documentation(thing), maxsplit=1)[0]


def paragraphs(thing: Any) -> list[str]:
    """Return the paragraphs of a docstring before its first section, such as its parameters."""
    text = re.split(r"^[A-Z][\w ]*\n-+$", documentation(thing), maxsplit=1, flags=re.M)[0]
    return [prose(paragraph) for paragraph in re.split(r"\n\s*\n", text.strip())]


def prose(paragraph: str) -> str:
    """Write a paragraph of a docstring as a line of Markdown."""
    if paragraph.startswith("    "):  # indented code
        return "<br>" + lines(*[code(line.strip()) for line in paragraph.splitlines()])
    line = " ".join(paragraph.split()).replace("``", "`").replace("::", ":")
    parts = line.split("`")  # every other one is code
    parts[::2] = [re.sub(r"([\\_<\[\]])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.name}")
