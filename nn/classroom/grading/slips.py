"""Says in a few words what students did, from the kind of mistake that a wrong blank looks like.

Where no kind is known, it says what the numbers show. The words complete "40 % ...".
"""

from __future__ import annotations

import re

from ..report import BlankResult

__all__ = ["deed"]

# By the kinds of the diagnosis.
_BY_KIND = {
    "another rule": "used the rule of another operation",
    "another weight": "multiplied by other weights than those of the layer",
    "bias averaged": "took the mean over the rows instead of their sum",
    "bias not summed": "did not sum over the rows",
    "column": "did not make a column of an array, `[:, None]`",
    "comparison": "turned a comparison round, or did not treat equality as the function does",
    "complement": "used 1 - u instead of u, or the other way round",
    "constant": "wrote a number where a formula belongs",
    "contribution missing": "left out a contribution",
    "derivative at the input": "took the derivative of the activation at another place",
    "derivative at the output": "took the derivative of the activation at another place",
    "derivative of another activation": "took the derivative of another activation",
    "early break": "ended the loop too early",
    "element": "used a whole array instead of one of its elements, or another element",
    "exchanged": "exchanged two gradients",
    "exponent": "did not lower the exponent",
    "extra factor": "multiplied by a factor that does not belong there",
    "extra statement": "added a line that does not belong there",
    "extra term": "added a term that does not belong there",
    "factor missing": "left out a factor",
    "factor outside": "multiplied a mean by a factor that belongs inside it",
    "factor too much": "multiplied or divided by something that does not belong there",
    "flipped": "turned an array round, or forgot to",
    "formula": "wrote another formula",
    "function": "used another function",
    "function missing": "left out a function",
    "function too much": "applied a function that does not belong there",
    "index": "used a wrong index",
    "index missing": "left out an index",
    "index off by one": "used an index that is off by one",
    "kink": "took the slope of an activation wrongly",
    "labels": "used the numbers of the classes instead of one-hot labels",
    "labels off": "used wrong labels",
    "mean for sum": "took a mean instead of a sum",
    "missing factor": "left out a factor",
    "no activation derivative": "forgot the derivative of the activation",
    "no power": "left out a power",
    "no square": "forgot to square something",
    "not joined": "did not join the parts in one array",
    "not moved back": "did not move the gradient back",
    "not normalized": "did not divide by a sum",
    "not summed": "left out a sum",
    "number": "wrote a wrong number",
    "one side": "took 0 as the slope of one side, where it is not",
    "operator": "used a wrong operation, such as + for *",
    "order": "put the parts in another order",
    "other operand": "took the derivative with respect to the other operand",
    "parentheses": "put parentheses in the wrong place, or forgot them",
    "post-activation": "used the values after the activation",
    "pre-activation": "used the values before the activation",
    "regularisation missing": "forgot the penalty",
    "scale": "forgot to scale by the square root of a size, or did so wrongly",
    "shape": "returned another shape",
    "sign": "flipped the sign",
    "softmax elementwise": "treated softmax as a function of each element alone",
    "softmax over the wrong axis": "summed softmax over the wrong axis",
    "square missing": "left out a square",
    "sum for mean": "took a sum instead of a mean",
    "summed": "summed where nothing is to be summed",
    "term too much": "added a term that does not belong there",
    "transposed": "transposed a matrix, or forgot to",
    "updated too early": "used weights that were updated already",
    "upstream missing": "left out the gradient that arrives",
    "value for the derivative": "used the value instead of the derivative",
    "weights exchanged": "exchanged two weights",
    "wrong axis": "summed over the wrong axis",
    "wrong variable": "used a wrong variable",
}
# By words of the sentence, for the kinds "factor" and "other operand", and for what the numbers
# show.
_BY_WORDS = (
    (r"is not what belongs there", "used a wrong variable"),
    (r"digits only", "was not exact: round-off, or a numerical derivative"),
    (r"a mean is missing: the 1/n", "forgot 1/n"),
    (r"divided by a count too often", "divided by a count too often"),
    (r"divided by a wrong count", "divided by a wrong count"),
    (r"2 of the square", "forgot the 2 of the square"),
    (r"factor 2 is missing", "forgot a factor 2"),
    (r"factor (of )?2", "multiplied by 2, or forgot a factor 2"),
    (r"mean over \d+ was forgotten|sum was taken instead of the mean", "forgot 1/n"),
    (r"times .*\(\d+ is the number of rows\)", "forgot 1/n, or took it twice"),
    (r"mean over \d+ was taken twice", "took 1/n twice"),
    (r"alone; for others|for these numbers only", "wrote numbers instead of a formula"),
    (r"sign is flipped", "flipped the sign"),
    (r"transposed", "transposed a matrix, or forgot to"),
    (r"the numbers are right|found shape", "returned another shape"),
    (r"every element is|it is .* what it should be", "computed a multiple of what it should be"),
    (r"calls \w+ of", "called the engine"),
    (r"loop", "changed the loop, or computed something else in it"),
    (r"zero everywhere", "returned zeros"),
    (r"not finite", "returned numbers that are not finite"),
    (r"line \d+: \w+(Error|Exception|Warning)", "wrote a line that raises an error"),
    (r"not reached", "did not reach the line"),
    (r"expected numbers", "returned something that is not numbers"),
)


def deed(result: BlankResult) -> str:
    """Say what led to a blank that is not right.

    Parameters
    ----------
    result : BlankResult

    Examples
    --------
    >>> from nn.classroom.exercise import load_exercise
    >>> blank = load_exercise("one_neuron").blanks[0]
    >>> deed(BlankResult(blank, "wrong", kind="sign")), deed(BlankResult(blank, "open"))
    ('flipped the sign', 'left it open')
    """
    if result.state == "open":
        return "left it open"
    if result.state == "missing":
        return "removed the line"
    # The repair of a blank has this kind for any variable.
    is_repair = "belongs there" in result.looks_like
    if result.kind in _BY_KIND and not (result.kind == "other operand" and is_repair):
        return _BY_KIND[result.kind]
    for text in (result.looks_like, result.words):
        for pattern, words in _BY_WORDS:
            if re.search(pattern, text):
                return words
    return "computed something else"
