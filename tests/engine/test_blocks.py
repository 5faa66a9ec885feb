"""Tests that blocks such as `no_grad()` apply only where they are written, and end in any order:
with generators, threads, tasks, and event loops that close blocks opened elsewhere.
"""

import asyncio
import contextvars

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import Tensor, detect_anomaly, enable_grad, made_at, no_grad, record_source_lines
from tinygrad_edu.scope import BLOCKS, ON

from .threads import run_at_once


def records():
    x = Tensor(2.0, requires_grad=True)
    return (x * x).requires_grad


def notes_lines():
    x = Tensor(2.0, requires_grad=True)
    return made_at(x * x) is not None


def finds_anomalies():
    try:
        with np.errstate(all="ignore"):
            tg.log(Tensor(0.0))
    except tg.AnomalyError:
        return True
    return False


# How a block is opened, the function that detects it, and its results inside and outside.
KINDS = {
    "no_grad": (no_grad, records, False, True),
    "record_source_lines": (record_source_lines, notes_lines, True, False),
    "detect_anomaly": (detect_anomaly, finds_anomalies, True, False),
}
kinds = pytest.mark.parametrize(("opened", "look", "inside", "outside"), KINDS.values(), ids=KINDS)


def suspended(block):
    """Yield inside a block."""
    with block:
        yield
    yield


@kinds
@pytest.mark.parametrize("first", [0, 1])
def test_generators_end_their_blocks_in_any_order(opened, look, inside, outside, first):
    generators = [suspended(opened()), suspended(opened())]
    for generator in generators:
        next(generator)
    assert look() is inside
    next(generators[first])
    assert look() is inside
    next(generators[1 - first])
    assert look() is outside


@kinds
def test_many_blocks_end_in_a_random_order(opened, look, inside, outside):
    generator = np.random.default_rng(7)
    shared = opened()
    waiting = [suspended(shared if k % 3 == 0 else opened()) for k in range(12)]
    for each in waiting:
        next(each)
    for number in generator.permutation(12):
        assert look() is inside
        waiting[number].close()
    assert look() is outside


def test_the_innermost_of_mixed_blocks_counts():
    off, on = suspended(no_grad()), suspended(enable_grad())
    next(off)
    next(on)
    assert records()
    next(off)
    assert records()
    next(on)
    assert records()
    off, on = suspended(no_grad()), suspended(enable_grad())
    next(off)
    next(on)
    next(on)
    assert not records()
    next(off)
    assert records()


@kinds
def test_a_generator_is_closed_in_another_context(opened, look, inside, outside):
    def closed_elsewhere():  # NumPy's settings are unchanged inside `detect_anomaly`
        generator = suspended(opened())
        next(generator)
        contextvars.copy_context().run(generator.close)
        return look()

    assert contextvars.copy_context().run(closed_elsewhere) is outside
    other = contextvars.copy_context()
    generator = suspended(opened())
    other.run(next, generator)
    assert look() is outside
    generator.close()
    assert look() is outside
    assert other.run(look) is outside


def test_blocks_closed_from_outside_in_either_order():
    for order in ([0, 1], [1, 0]):
        generators = [suspended(no_grad()), suspended(no_grad())]
        for generator in generators:
            next(generator)
        for number in order:
            assert not records()
            contextvars.copy_context().run(generators[number].close)
        assert records()


@pytest.mark.needs("sockets", run=False)
def test_an_event_loop_closes_a_generator():
    async def rows():
        with no_grad():
            yield 1
            yield 2

    async def main():
        generator = rows()
        async for _ in generator:
            break
        await asyncio.create_task(generator.aclose())
        return records()

    assert asyncio.run(main())


@pytest.mark.needs("sockets", run=False)
def test_a_task_stays_in_the_block_that_it_was_started_in():
    async def later():
        await asyncio.sleep(0)
        return records()

    async def main():
        with no_grad():
            task = asyncio.create_task(later())
        return records(), await task

    assert asyncio.run(main()) == (True, False)


@pytest.mark.parametrize("times", [300])
@pytest.mark.needs("threads")
def test_threads_share_one_object(times):
    block, failures = no_grad(), []

    def work(number):
        try:
            for _ in range(times):
                with block:
                    if records():
                        failures.append("recorded inside")
                    with block:
                        pass
                    if records():
                        failures.append("recorded after an inner block")
                if not records():
                    failures.append("not recorded outside")
        except Exception as error:
            failures.append(repr(error))

    run_at_once(work)
    assert failures == []
    assert not block._opened


def test_a_module_call_ends_with_a_generator_open_inside():
    kept = []

    def forward():
        kept.append(suspended(no_grad()))
        next(kept[0])

    block = BLOCKS.open(ON)
    forward()
    BLOCKS.end(block)
    assert not records()  # the block of the generator is still open
    kept[0].close()
    assert records()


def test_error_settings_of_numpy_are_restored():
    before = np.geterr()
    one, other = suspended(detect_anomaly()), suspended(detect_anomaly())
    next(one)
    next(other)
    assert np.geterr()["divide"] == "ignore"
    next(one)
    assert np.geterr()["divide"] == "ignore"
    next(other)
    assert np.geterr() == before


@pytest.mark.parametrize("wrong", [True, 1, "x", np.array([1.0]), dict])
@pytest.mark.parametrize("decorate", [no_grad, enable_grad])
def test_only_functions_can_be_decorated(decorate, wrong):
    with pytest.raises(TypeError, match=r"decorates a function, got .*write `with no_grad\(\):`"):
        decorate(wrong)


def test_both_decorate_without_brackets():
    @no_grad
    def off():
        return records()

    @enable_grad
    def on():
        return records()

    assert off() is False
    with no_grad():
        assert on() is True
    with pytest.raises(TypeError, match="with enable_grad"):

        @enable_grad
        def generator():
            yield 1


def test_no_grad_keeps_the_name_of_a_function():
    @no_grad
    def well_named():
        """Do nothing."""

    assert (well_named.__name__, well_named.__doc__) == ("well_named", "Do nothing.")
