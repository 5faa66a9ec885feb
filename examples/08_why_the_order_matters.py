"""Why the order of the graph matters: two simple walks compared with the order of the engine.

After 20 steps of x = x + x there are 2²⁰ paths from the end to the start. Following every path is
right but far too slow. Visiting each tensor once, as soon as it is reached, is fast but wrong.
Visiting each tensor once, newest first, is fast and right: when a tensor's turn comes, everything
that was computed from it has already sent its gradient back.
"""

from tinygrad_edu import Tensor
from tinygrad_edu.autodiff import graph_order


def doubled(times):
    """Return a leaf, and 2**times times its value."""
    leaf = Tensor(1.0, requires_grad=True)
    x = leaf
    for _ in range(times):
        x = x + x
    return leaf, x


def every_path(tensor, g, grads):
    """Follow every path back: right, but it needs one visit for each path."""
    grads[tensor] = grads.get(tensor, 0.0) + g
    visits = 1
    if tensor.node is not None:
        for source in tensor.node.inputs:
            visits += every_path(source, g, grads)  # the derivative of a sum is 1
    return visits


def depth_first(tensor, g, grads, seen):
    """Visit each tensor once, as soon as it is reached: it sends on incomplete gradients."""
    grads[tensor] = grads.get(tensor, 0.0) + g
    if tensor in seen:
        return 0
    seen.add(tensor)
    visits = 1
    if tensor.node is not None:
        for source in tensor.node.inputs:
            visits += depth_first(source, grads[tensor], grads, seen)
    return visits


def newest_first(output, grads):
    """Visit each tensor once, in the order of `graph_order`."""
    grads[output] = 1.0
    order = graph_order(output)
    for tensor in order:
        for source in tensor.node.inputs:
            grads[source] = grads.get(source, 0.0) + grads[tensor]
    return len(order) + 1  # and the leaf


heads = ("every path", "once, when reached", "once, newest first")
print(f"{'doublings':>9}  {heads[0]:>24}  {heads[1]:>20}  {heads[2]:>20}")
for times in (1, 2, 5, 10, 15):
    row = []
    for walk in (
        lambda y, grads: every_path(y, 1.0, grads),
        lambda y, grads: depth_first(y, 1.0, grads, set()),
        newest_first,
    ):
        leaf, output = doubled(times)
        grads = {}
        visits = walk(output, grads)
        verdict = "" if grads[leaf] == 2.0**times else " wrong"
        row.append(f"{grads[leaf]:.0f}{verdict}, {visits} visits")
    print(f"{times:>9}  {row[0]:>24}  {row[1]:>20}  {row[2]:>20}")

leaf, output = doubled(60)
output.backward()
print("\nbackward() after 60 doublings:", leaf.grad, "= 2**60:", bool(leaf.grad == 2.0**60))
