"""Writes the update of a recorded step: one loop over all parameters that are updated alike.

Forward pass, loss and backward pass are written in `numpy_text.py`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from tinygrad_edu.capturing.calls import inputs_of, results_of
from tinygrad_edu.capturing.recorder import Tracer

from .errors import ShowError
from .expressions import Expression, Writer
from .numpy_names import name_in_loop
from .polishing import WIDTH

if TYPE_CHECKING:
    from .numpy_text import Layout

__all__ = ["Updates"]


class Updates:
    """Writes the update of all parameters, as a loop if all are updated alike."""

    def __init__(self, layout: Layout, first: int) -> None:
        self._layout, self._first = layout, first
        self._one, self._two = layout.one, layout.two

    def lines(self) -> list[str]:
        """Write the lines."""
        one = self._one
        news = dict(one.new_parameters)
        trained = [path for path in news if self._gradient(path) is not None]
        blocks = {path: self._calls_of(path) for path in trained}
        counted = Counter(i for block in blocks.values() for i in block)
        lines = self._buffers(news, counted)
        texts = {path: self._block(path, blocks[path], news[path]) for path in trained}
        groups: dict[tuple[str, ...], list[str]] = {}
        for path, text in texts.items():
            groups.setdefault(tuple(text), []).append(path)
        for body, paths in groups.items():
            lines += self._gradients(paths)
            lines.append("for name, g in gradients.items():")
            lines += [f"    {line}" for line in body]
        return lines

    def _gradients(self, paths: list[str]) -> list[str]:
        """Write the dictionary of the gradients, one layer a line."""
        layers: dict[str, list[str]] = {}
        for path in paths:
            pair = f'"{path}": {self._known(self._gradient(path)).text}'
            layers.setdefault(path.rpartition(".")[0], []).append(pair)
        lines, sign = [], "="
        for pairs in layers.values():
            for some in [pairs] if len(", ".join(pairs)) < WIDTH - 24 else [[one] for one in pairs]:
                lines.append(f"gradients {sign} {{{', '.join(some)}}}")
                sign = "|="
        return lines

    def _known(self, value: Any) -> Expression:
        return self._layout.known[value]

    def _gradient(self, path: str) -> Tracer | None:
        value = next(v for v, p in self._one.parameters.items() if p == path)
        return self._one.gradients.get(value)

    def _buffers(self, news: dict[str, Tracer], counted: Counter[int]) -> list[str]:
        """Write new values that are computed without a gradient, such as running averages."""
        layout, before = self._layout, len(self._layout.lines)
        for i in range(self._first, len(self._one.calls)):
            if not counted[i]:
                layout.write_call(i, len(self._one.calls))
        lines = layout.lines[before:]
        del layout.lines[before:]
        for path, value in news.items():
            if self._gradient(path) is None:
                lines.append(f'p["{path}"] = {self._known(value).text}')
        return lines

    def _calls_of(self, path: str) -> list[int]:
        """Return the calls of the update of one parameter."""
        one = self._one
        mine: set[Tracer] = {v for v, p in one.parameters.items() if p == path}
        mine |= {v for v, (p, _) in one.states.items() if p == path}
        gradient = self._gradient(path)
        ours = {*mine, *([gradient] if gradient is not None else [])}
        others = (
            {*one.parameters, *one.states}
            | {g for v, g in one.gradients.items() if v in one.parameters}
        ) - ours
        block = []
        for i in range(self._first, len(one.calls)):
            call = one.calls[i]
            read = set(inputs_of(call))
            if read & ours:
                if read & others or call.written is not None:
                    raise ShowError(
                        "the optimizer updates several parameters by one formula, which has no "
                        "text; use an optimizer that updates each parameter by its own gradient"
                    )
                block.append(i)
                ours |= set(results_of(call))
        return block

    def _block(self, path: str, block: list[int], new: Tracer) -> list[str]:
        """Write the update of one parameter, with names that fit all parameters."""
        layout, one = self._layout, self._one
        old, outputs = self._places(path, new)
        known = layout.known | {value: Expression(text) for value, text in old.items()}
        known[self._gradient(path)] = Expression("g")  # type: ignore[index]
        writer = Writer(layout.constants, known, layout.hoist)
        lines: list[str] = []
        late: list[str] = []
        number = 0
        uses = Counter(v for i in block for v in inputs_of(one.calls[i]))
        for position, i in enumerate(block):
            (value,) = results_of(one.calls[i])
            expression = writer.call(one.calls[i], self._two.calls[i])
            target = outputs.get(value)
            is_short = uses[value] == 1 and len(expression.text) < 60
            if target is None and is_short and self._is_soon(value, block, position, outputs, old):
                known[value] = expression
                continue
            later = {v for j in block[position + 1 :] for v in inputs_of(one.calls[j])}
            if target is None or any(old[v] == target for v in old.keys() & later):
                number += 1
                name = name_in_loop(number)
                late += [f"{target} = {name}"] if target else []
            else:
                name = target
            lines.append(f"{name} = {expression.text}")
            known[value] = Expression(name)
        return [*lines, *late]

    def _places(self, path: str, new: Tracer) -> tuple[dict[Tracer, str], dict[Tracer, str]]:
        """Return how the values of one parameter are written, before and after the update."""
        one = self._one
        texts = {key: f"{name}[name]" for key, name in self._layout.state_names.items()}
        old = {value: "p[name]" for value, owner in one.parameters.items() if owner == path}
        old |= {v: texts[key] for v, (owner, key) in one.states.items() if owner == path}
        outputs = {v: texts[key] for (owner, key), v in one.new_states if owner == path}
        return old, {new: "p[name]"} | outputs

    def _is_soon(
        self,
        value: Tracer,
        block: list[int],
        position: int,
        outputs: dict[Tracer, str],
        old: dict[Tracer, str],
    ) -> bool:
        """Whether nothing that a value reads is replaced before it is used."""
        one, reads = self._one, {value}
        for i in reversed(block[: position + 1]):
            if reads & set(results_of(one.calls[i])):
                reads |= set(inputs_of(one.calls[i]))
        texts = {old[v] for v in reads & old.keys()}
        for i in block[position + 1 :]:
            if value in set(inputs_of(one.calls[i])):
                return True
            if any(outputs.get(v) in texts for v in results_of(one.calls[i])):
                return False
        return False
