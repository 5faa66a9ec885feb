"""The rules of the linter about the graph itself, in the order in which findings are reported."""

from __future__ import annotations

from collections.abc import Callable

from .findings import LintFinding
from .graph import Graph
from .layer_rules import (
    dead_activation,
    equal_weights,
    raw_inputs,
    saturated_activation,
    vanishing_gradient,
)
from .loss_rules import (
    all_against_all,
    double_activation,
    one_class,
    one_output,
    softmax_axis,
    squashed_logits,
)
from .network_rules import (
    answers_seen,
    attention_axis,
    dropout_in_evaluation,
    exploding_recurrence,
    saturated_gates,
    unscaled_attention,
)

__all__ = ["RULES"]

RULES: tuple[Callable[[Graph], list[LintFinding]], ...] = (
    double_activation,
    squashed_logits,
    softmax_axis,
    one_output,
    one_class,
    all_against_all,
    dead_activation,
    saturated_activation,
    raw_inputs,
    equal_weights,
    vanishing_gradient,
    saturated_gates,
    exploding_recurrence,
    unscaled_attention,
    attention_axis,
    answers_seen,
    dropout_in_evaluation,
)
