"""What a person does with the playground in a browser, and what is read off the page.

The numbers that a page shows are compared with a session in this process, which knows the page only
by the text in its address. What has to hold is in `test_person`.
"""

import contextlib
import re
import signal
import subprocess
import sys
import time

import numpy as np

from nn.playground.frames import encode
from nn.playground.session import Session
from tests.browsing import watch_the_policy, watched
from tests.playground.talking import waited

# What arrives, before the page has changed anything about it.
LISTEN = """
const note = (frame) => {  // an answer may overtake an event
  if (frame && frame.network && !(frame.number < window.latest?.number)) window.latest = frame; };
const parse = JSON.parse, json = Response.prototype.json;
JSON.parse = (...given) => { const found = parse(...given); note(found); return found; };
Response.prototype.json = async function () {
  const found = await json.call(this); note(found.frame); return found; };
"""
SMALL = "data=csv&file=flowers.csv&hidden=4tanh&batch=5"
NUMBER = r"[-+−]?\d[\d,]*(?:\.\d*)?(?:e[-+−]?\d+)?"


def flowers():
    """Write a table of ninety flowers of three kinds, which a small network can tell apart."""
    g = np.random.default_rng(3)
    rows = ["width,length,kind"]
    for k in range(90):
        width, length = g.normal([1, 3, 5][k % 3], 0.5), g.normal([10, 30, 20][k % 3], 4)
        rows.append(f"{width:.3f},{length:.2f},{('rose', 'tulip', 'lily')[k % 3]}")
    return "\n".join([*rows, ""])


@contextlib.contextmanager
def started(*arguments, folder):
    """Start the command as a person does; yields its address. It must end without an error."""
    command = [sys.executable, "-m", "nn", "playground", *map(str, arguments), "--no-browser"]
    with open(folder / "stderr.txt", "w+", encoding="utf-8") as errors:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
            try:
                yield process.stdout.readline().partition(" (")[0]
            finally:
                process.send_signal(signal.SIGINT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(10)
                process.kill()  # where the signal is ignored, as in a job in the background
        errors.seek(0)
        words = errors.read()
        assert words == "stopped\n", words


def opened(context, address, state=""):
    """Open the page in a tab, with the state that stands behind # of an address."""
    page = watched(context)
    watch_the_policy(page)
    page.set_default_timeout(15_000)
    page.add_init_script(LISTEN)
    page.goto(f"{address.partition('#')[0]}#{state}" if state else address)
    page.wait_for_selector("body.ready")
    shown(page)
    return page


def latest(page, what):
    """Return a part of the frame that arrived last."""
    return page.evaluate(f"window.latest.{what}")


def until(page, condition, seconds=15):
    """Wait until an expression holds; the page's policy forbids Playwright's own way."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, f"it never came: {condition}"
        page.wait_for_timeout(10)


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def shown(page):
    """Wait until the page rests at the step of its state, and the latest frame is drawn."""
    until(
        page,
        "!window.latest.playing"
        " && Number(/&step=(\\d+)/.exec(window.latest.state)?.[1] ?? 0) === window.latest.step"
        " && document.querySelector('#timeline .place').textContent"
        " === `Step ${window.latest.step.toLocaleString('en')}`",
    )


def settled(page):
    """Wait also until the address has the state, which follows slowly; return the state."""
    shown(page)
    until(page, "location.hash === '#' + window.latest.state")
    return page.evaluate("location.hash.slice(1)")


def done(page, action):
    """Do something that the server answers with a frame, and wait until it is shown."""
    before = latest(page, "number")
    action()
    until(page, f"window.latest.number > {before}")
    shown(page)


def train(page, steps):
    """Train until so many steps are made; then pause."""
    target = latest(page, "step") + steps
    button(page, "Train").click()
    until(page, f"window.latest.step >= {target}")
    button(page, "Pause").click()
    button(page, "Train").wait_for()
    shown(page)


# What is shown --------------------------------------------------------------------------------


def numbers_in(text):
    """Return the numbers of a text, as the page writes them."""
    return [float(found.replace("−", "-").replace(",", "")) for found in re.findall(NUMBER, text)]


def table_of_layer(page, number):
    """Return the weights and gradients of a layer as the page shows them; the bias comes last."""
    root = page.locator("#network details.weights")
    if root.get_attribute("open") is None:
        root.locator("summary").click()
    chip = root.locator(".chip").nth(number - 1)
    if chip.get_attribute("aria-pressed") != "true":
        chip.click()
    cells = root.locator("tbody tr").evaluate_all(
        "(rows) => rows.map((row) => [...row.querySelectorAll('td')].map((cell) =>"
        " [cell.firstChild.data, cell.lastChild.textContent]))"
    )
    found = np.array([[[numbers_in(text)[0] for text in cell] for cell in row] for row in cells])
    return found[..., 0], found[..., 1]


def results(page):
    """Return the rows below the decision map: losses and scores, in training and testing."""
    cells = page.locator("#lanes .lane.selected dl > *").all_inner_texts()
    loss, score = cells.index("loss"), len(cells) - 3
    shown = [*cells[loss + 1 : loss + 3], *cells[score + 1 : score + 3]]
    return [numbers_in(text)[0] for text in shown]


def confusion(page):
    """Return the numbers of the confusion matrix."""
    return page.locator("#confusion tbody tr").evaluate_all(
        "(rows) => rows.map((row) => [...row.querySelectorAll('td')].map((cell) =>"
        " Number(cell.textContent)))"
    )


# Comparing ------------------------------------------------------------------------------------


def session_of(page, table=None):
    """Open what the address of a page says, in this process."""
    return Session.open(settled(page), table)


def bits(page):
    """Return all weights and gradients that the page got, as text of their bytes."""
    return latest(
        page,
        "network.layers.flatMap((layer) => [layer.weights, layer.bias, layer.gradients,"
        " layer.bias_gradients].map((one) => one.data))",
    )


def parameters(session):
    """Return weights, biases and their next gradients for each layer of the selected network."""
    arrays = [parameter.data for parameter in session.lane.network.parameters()]
    gradients = session.lane.gradients(*session.timeline.batch())[1]
    pairs = zip(arrays[::2], arrays[1::2], gradients[::2], gradients[1::2], strict=True)
    return list(pairs)


def bits_of(session):
    """Return the same for a session as `bits` for a page."""
    return [encode(one, "f4")["data"] for layer in parameters(session) for one in layer]


def differences(page, session):
    """List what a page shows that is not so in a session; the page has three figures."""
    found = []

    def compare(what, shown, expected, most=0.006):
        shown, expected = np.asarray(shown, float), np.asarray(expected, float)
        size = np.maximum(np.abs(expected), 1e-30)
        if most:  # small numbers are written with two figures
            most = np.where(size < 1e-4, 0.051, most)
        if shown.shape != expected.shape or (np.abs(shown - expected) > most * size).any():
            found.append(f"{what}: {shown} is shown, {expected} expected")

    for number, (weight, bias, slope, bias_slope) in enumerate(parameters(session), 1):
        weights, gradients = table_of_layer(page, number)
        compare(f"weights of layer {number}", weights, np.vstack([weight, bias]))
        compare(f"gradients of layer {number}", gradients, np.vstack([slope, bias_slope]))
    loss, score, table = measured(session)
    compare("losses", results(page)[:2], loss)
    scores = np.abs(np.array(results(page)[2:]) - 100 * np.array(score))
    if scores.max() > 0.501:
        found.append(f"accuracies: {results(page)[2:]} is shown, {score} expected")
    compare("confusion matrix", confusion(page), table, 0)
    if bits(page) != bits_of(session):
        found.append("not the same bits")
    return found


def measured(session):
    """Compute losses, accuracies and the confusion matrix from the outputs, in double precision."""
    data, losses, scores = session.data, [], []
    table = np.zeros((data.outputs, data.outputs))
    for rows, labels in ((data.train, data.train_labels), (data.test, data.test_labels)):
        outputs = session.lane.outputs(rows)[-1].astype(np.float64)
        shifted = outputs - outputs.max(1, keepdims=True)
        logs = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
        losses.append(-logs[np.arange(len(labels)), labels].mean())
        scores.append((outputs.argmax(1) == labels).mean())
    for label, output in zip(labels, outputs.argmax(1), strict=True):
        table[label, output] += 1
    return losses, scores, table


def agrees(page, table=None):
    """Check that a page shows what its address says; its table is filled a little later."""
    session, found = session_of(page, table), []

    def is_equal():
        found[:] = differences(page, session)
        return not found

    with contextlib.suppress(AssertionError):
        waited(is_equal, 2)
    assert found == [], "\n".join(found)
    return session
