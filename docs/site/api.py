"""Lists the public names on the pages of `docs/reference/api`, from the packages themselves.

A page has an introduction in CommonMark; what follows it is written here, when the site is built.
A new public name appears by itself on the page of its module. A name of a module that no page
takes is an error.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import Any

import nn
import tinygrad_edu
from docs import operations
from nn.packages import EXTRAS
from tinygrad_edu import ops

__all__ = ["PAGES", "Section", "as_rst", "entries", "sections"]

FOLDER = "reference/api"
# The sections of each page, in order: the heading, and the start of the names of its modules. With
# a star, each module has a heading of its own.
LISTED = {
    "tensor": """
        Tensor = tinygrad_edu.tensor
        Creating tensors = tinygrad_edu.creation tinygrad_edu.spacing tinygrad_edu.joiners
          tinygrad_edu.dlpack
        Recording and memory = tinygrad_edu.scope tinygrad_edu.memory
        Errors and warnings = tinygrad_edu.errors
    """,
    "derivatives": """
        Gradients = tinygrad_edu.transforms
        Jacobians, Hessians and products with them = tinygrad_edu.functional
        Examples of a batch, and memory = tinygrad_edu.batching tinygrad_edu.checkpointing
        Operations of your own = tinygrad_edu.primitive
        Recorded steps = tinygrad_edu.capturing
    """,
    "operations": "",
    "arrays": """
        Fourier transforms = tinygrad_edu.fft
    """,
    "network-operations": "",
    "seeing": """
        Graphs = tinygrad_edu.drawing
        Step by step = tinygrad_edu.stepping
        One gradient, in words and numbers = tinygrad_edu.explaining
        Lines of code = tinygrad_edu.source_lines
    """,
    "checking": """
        Gradients by hand = tinygrad_edu.diagnosing.check tinygrad_edu.diagnosing.report
            tinygrad_edu.diagnosing.backprop
        The error of differences = tinygrad_edu.diagnosing
        Gradients of the engine = tinygrad_edu.checking
        Debugging = tinygrad_edu.debugging
    """,
    "networks": """
        Module = nn.module nn.calling
        Multilayer perceptron = nn.mlp
        Linear layers and containers = nn.layers.linear nn.layers.containers
        Activations = nn.layers.activations nn.layers.piecewise
        Convolution = nn.layers.convolution nn.layers.transposed_convolution
        Pooling and resizing = nn.layers.pooling nn.layers.resampling
        Normalisation = nn.layers.normalization nn.layers.group_normalization
        Dropout = nn.layers.random
        Recurrence = nn.layers.recurrent nn.layers.cells
        Embedding, attention and transformers = nn.layers.embedding nn.layers.attention
            nn.layers.transformer
        Initial values = nn.initializers
        Exchange with other libraries = nn.bridges
        Training steps as programs = nn.showing
    """,
    "optimizers": """
        Losses = tinygrad_edu.ops nn.layers.losses
        Optimizers = nn.optim.optimizer nn.optim.sgd nn.optim.adam nn.optim.adaptive nn.optim.lion
            nn.optim.lbfgs nn.optim.averaging
        Schedules of the learning rate = nn.optim.schedule nn.optim.schedules nn.optim.one_cycle
            nn.optim.plateau
        Clipping = nn.optim.clipping
    """,
    "training": """
        Training = nn.training
        Files = nn.files
        Understanding a model = nn.understanding
        The playground = nn.playground
        Errors and warnings = nn.errors
    """,
    "by-hand": """
        Comparing = nn.by_hand.compare nn.by_hand.worksheet
        Update rules = nn.by_hand.updates
        Exercises = nn.classroom
        * = nn.by_hand
    """,
}
# The operations are on three pages: the first family of each.
FIRST = {"Arithmetic": "operations", "Shape": "arrays", "Activation": "network-operations"}
PAGES = [f"{FOLDER}/{name}" for name in LISTED]
# Modules with public names of their own, which neither package lists.
OWN = (
    *("tinygrad_edu.fft", "nn.initializers", "nn.bridges", "nn.by_hand", "nn.classroom"),
    *("nn.understanding", "nn.playground.session", "nn.playground.tables", "nn.playground.exports"),
)
# Parts of these that are not meant to be called.
PARTS = re.compile(
    r"nn\.by_hand\.(compared|comparison_table|equations|update_rules|worksheet_page|networks|networks\..*)"
    r"|nn\.by_hand\.updates\.(?!rules).*"
    r"|nn\.understanding\.(modes|pictures|result|trained)"
    r"|nn\.classroom\..*"
    r"|nn\.playground\.exports\..*"
    r"|nn\.bridges\.(dask|onnx|sklearn)\..*"
)


@dataclass(eq=False)
class Section:
    """Names that are listed under one heading.

    Attributes
    ----------
    title : str
        The heading.
    names : dict of str to Any
        The objects, by the full names under which people write them.
    introduction : str
        A sentence about all of them, or nothing.
    """

    title: str
    names: dict[str, Any] = field(default_factory=dict)
    introduction: str = ""


@cache
def sections() -> dict[str, list[Section]]:
    """Return the sections of each page of the reference.

    Raises
    ------
    LookupError
        If no section takes a module that has public names.
    """
    gathered: dict[str, list[Section]] = {page: [] for page in PAGES}
    page = ""
    for section in (operation_sections := families()):
        page = FIRST.get(section.title, page)
        gathered[f"{FOLDER}/{page}"].append(section)
    listed = {name for section in operation_sections for name in section.names}
    starts: list[tuple[str, Section]] = []
    for page, text in LISTED.items():
        for row in re.split(r"\n(?= {8}\S)", text.rstrip())[1:]:
            title, modules = row.split(" = ")
            section = Section(title.strip())
            gathered[f"{FOLDER}/{page}"].append(section)
            starts += [(module, section) for module in modules.split()]
    for name, thing in public_names():
        if name in listed:
            continue
        section = section_of(name, thing, starts)
        if section.title == "*":
            here = next(page for page in gathered.values() if section in page)
            section = Section(module_of(name, thing))
            about = importlib.import_module(section.title)
            section.introduction = operations.prose(operations.first_sentence(about))
            here.insert(-1, section)
            starts.append((section.title, section))
        section.names[name] = thing
    for page in gathered.values():
        page[:] = [section for section in page if section.names]
    return gathered


def section_of(name: str, thing: Any, starts: list[tuple[str, Section]]) -> Section:
    """Return the section that takes a name: the one with the longest start of its module."""
    module = module_of(name, thing)
    fitting = [
        (len(start), section)
        for start, section in starts
        if module == start or module.startswith(f"{start}.")
    ]
    if not fitting:
        raise LookupError(
            f"no section of the reference takes {name} of {module}; "
            "add the module to LISTED in docs/site/api.py"
        )
    return max(fitting, key=lambda found: found[0])[1]


def families() -> list[Section]:
    """Return the operations as the page of the operations groups them."""
    found = []
    for family in operations.families():
        names = {
            f"tinygrad_edu.{name}": function
            for function, known_as in family.operations.items()
            for name in known_as
        }
        found.append(Section(family.title, names))
    plain = {f"tinygrad_edu.{name}": getattr(ops, name) for name in operations.constants()}
    titles = [section.title for section in found]
    found.insert(titles.index("Activation"), Section("Without a derivative", plain))
    return found


def public_names() -> Iterator[tuple[str, Any]]:
    """Yield every public name with its object: ``("nn.Linear", ...)``."""
    for package in (tinygrad_edu, nn):
        for name in sorted(package.__all__):
            thing = getattr(package, name)
            if not isinstance(thing, ModuleType):
                yield f"{package.__name__}.{name}", thing
    known = {id(getattr(nn, name)) for name in nn.__all__}
    for module in own_modules():
        for name in names_of(module):
            try:
                thing = getattr(module, name)
            except ModuleNotFoundError:  # a name that needs an extra which is not installed
                continue
            if id(thing) not in known and not isinstance(thing, ModuleType):
                yield f"{module.__name__}.{name}", thing


def names_of(module: ModuleType) -> list[str]:
    """Return what a module lists as public, or else the functions that it defines."""
    listed: list[str] | None = getattr(module, "__all__", None)
    if listed is not None:
        return listed
    return [
        name
        for name, thing in vars(module).items()
        if inspect.isfunction(thing) and thing.__module__ == module.__name__ and name[0] != "_"
    ]


def own_modules() -> Iterator[ModuleType]:
    """Yield the modules whose names are public although `nn` does not list them."""
    for start in OWN:
        module = importlib.import_module(start)
        found = [start]
        if hasattr(module, "__path__"):
            walked = pkgutil.walk_packages(module.__path__, f"{start}.")
            found += sorted(info.name for info in walked if "__main__" not in info.name)
        for name in found:
            if not PARTS.fullmatch(name):
                try:
                    yield importlib.import_module(name)
                except ModuleNotFoundError as missing:
                    # The group `docs` has all extras; elsewhere, such a module is left out.
                    if missing.name not in EXTRAS:
                        raise


def module_of(name: str, thing: Any) -> str:
    """Return the module that defines an object; for an instance, the one of its class."""
    place = name.rpartition(".")[0]
    if place not in ("nn", "tinygrad_edu"):
        return place
    defined = getattr(thing, "__module__", None) or type(thing).__module__
    return str(defined)


def entries(page: str) -> str:
    """Return the sections of a page, for Sphinx."""
    parts = []
    for section in sections()[page]:
        parts.append(f"\n## {section.title}\n\n{section.introduction}\n")
        first: dict[int, str] = {}
        lines = []
        for name, thing in section.names.items():
            lines += entry(name, thing, first.setdefault(id(thing), name))
        parts.append("```{eval-rst}\n" + "\n".join(lines) + "\n```\n")
    return "\n".join(parts)


def entry(name: str, thing: Any, first: str) -> list[str]:
    """Return the lines that document a name; another name of the same object refers to it."""
    if first != name:
        kind = "class" if inspect.isclass(thing) else "function"
        return [f".. py:{kind}:: {name}", "", f"   The same as `{first}`.", ""]
    if inspect.isclass(thing):
        return [f".. autoclass:: {name}", ""]
    if inspect.isroutine(thing) or hasattr(thing, "__wrapped__"):
        return [f".. autofunction:: {name}", ""]
    return [f".. autodata:: {name}", "   :no-value:", ""]


def as_rst(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Escape what the docstrings mean as it is and reStructuredText does not: bars and stars."""
    for number, line in enumerate(lines):
        if line.startswith("    ") or line.lstrip().startswith(">>>"):
            continue
        parts = re.split(r"(``.*?``|`.*?`)", line)
        parts[::2] = [re.sub(r"(?<![\\*])([|*])(?!\*)", r"\\\1", part) for part in parts[::2]]
        lines[number] = "".join(parts)
