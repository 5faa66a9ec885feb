"""The computations whose pages are tested, and what is read off a page."""

import re

from nn import SGD
from tinygrad_edu import Tensor
from tinygrad_edu.stepping import stepper

from ..drawing.test_draw import reference_network


def reference():
    """Its page, as section 4 of the design measures it."""
    net, loss = reference_network()
    return stepper(loss, model=net, title="A network")


def complete():
    """Its page with a comparison and an update."""
    net, loss = reference_network()
    by_hand = {name: parameter.grad for name, parameter in net.named_parameters()}
    optimizer = SGD(net.parameters(), lr=0.1)
    return stepper(loss, model=net, optimizer=optimizer, compare=by_hand, title="A network")


def scalars(names=("a", "b")):
    """The page of (a * b + a * a - b) / 2, where a is used three times."""
    a = Tensor(2.0, requires_grad=True, name=names[0])
    b = Tensor(-3.0, requires_grad=True, name=names[1])
    return stepper((a * b + a * a - b) / 2, title="Numbers")


# What a page shows -----------------------------------------------------------------------------


def step(page):
    """The number of the step that is shown, on the slider and next to it."""
    number = int(page.locator("#now").inner_text())
    assert page.locator("#slider").input_value() == str(number)
    return number


def walk(page, look):
    """Go on by the button from the step that is shown to the last; list what is seen at each.

    It happens inside the page: key presses wait for a frame each, which this does not.

    Parameters
    ----------
    page : playwright.sync_api.Page
        The page, which stays at the last step.
    look : str
        A function in JavaScript without arguments; what it returns is listed.
    """
    return page.evaluate(f"""() => {{
      const next = document.getElementById("next"), found = [];
      for (;;) {{
        found.push(({look})());
        if (next.disabled) {{ return found; }}
        next.click();
      }}
    }}""")


def count(page):
    return int(page.locator("#all").inner_text())


def sentence(page):
    return page.locator(".panel:not(.off) .sentence").inner_text()


def shown(page, name):
    """The value and the gradient in the row of a tensor."""
    row = page.locator(f"tr[data-row={name}]")
    return [row.locator(f"td:nth-child({place}) > span:not(.off)").inner_text() for place in (4, 5)]


def squeezed(text):
    return re.sub(r"\s+", " ", text).strip()
