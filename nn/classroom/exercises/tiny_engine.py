"""The backward pass of a tiny engine.

A program is a list of steps such as ("multiply", 0, 2): multiply value 0 by value 2, and append the
result to the list of values. The list starts with the `numbers` that are given. L is the last
value.

Going back, the newest value comes first. `arrived[k]` is the list of all contributions that were
sent to value k. When its turn comes, everything that used it has already sent. So at each value:

    (1)  its gradient g is made of all that has arrived
    (2)  if a step made it, the step sends a contribution to each of its inputs:
         g times its local derivative

A value that is used twice gets two contributions, also by one step: ("multiply", 1, 1).
"""

import numpy as np

from nn.classroom import check
from tinygrad_edu import tanh


def inputs(generator):
    program = [("multiply", 0, 1), ("add", 2, 0), ("tanh", 3, 3), ("multiply", 4, 4)]
    for _ in range(generator.integers(3, 6)):
        kind = str(generator.choice(["add", "multiply", "tanh"]))
        left, right = generator.integers(0, len(program) + 2, 2).tolist()
        program.append((kind, left, right if kind != "tanh" else left))
    program.append(("multiply", len(program) + 1, len(program)))
    return {
        "numbers": generator.choice([-1.3, -0.8, 0.6, 0.9, 1.2], 2, replace=False),
        "program": program,
    }


def forward(numbers, program):
    values, left, right = [numbers[0], numbers[1]], {}, {}
    for kind, i, j in program:
        k = len(values)
        left[k], right[k] = 1 * values[i], 1 * values[j]  # each use has a name
        if kind == "add":
            values.append(left[k] + right[k])
        elif kind == "multiply":
            values.append(left[k] * right[k])
        else:
            values.append(tanh(left[k]))
    L = values[-1]
    return L


def my_gradients(numbers, program):
    values = [numbers[0], numbers[1]]
    for kind, i, j in program:
        if kind == "add":
            values.append(values[i] + values[j])
        elif kind == "multiply":
            values.append(values[i] * values[j])
        else:
            values.append(np.tanh(values[i]))
    arrived = [[] for _ in values]
    arrived[-1].append(1.0)
    gradients = [0.0, 0.0]
    for k in reversed(range(len(values))):
        g = ...  # blank 1: ∂L/∂values[k], one number, from the list arrived[k]
        if k < 2:
            gradients[k] = g
            continue
        kind, i, j = program[k - 2]
        if kind == "add":
            add_left = ...  # blank 2: ∂L/∂left[k], what is sent to value i
            arrived[i].append(add_left)
            arrived[j].append(add_left)  # the same for both
        elif kind == "multiply":
            multiply_left = ...  # blank 3: ∂L/∂left[k], what is sent to value i
            multiply_right = ...  # blank 4: ∂L/∂right[k], what is sent to value j
            arrived[i].append(multiply_left)
            arrived[j].append(multiply_right)
        else:
            tanh_left = ...  # blank 5: ∂L/∂left[k], what is sent to value i
            arrived[i].append(tanh_left)
    return {"numbers": np.array(gradients)}


if __name__ == "__main__":
    print(check("tiny_engine", my_gradients))
