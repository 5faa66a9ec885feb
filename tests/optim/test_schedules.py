"""Tests the rates of schedules: by hand, against PyTorch, and continued after they were saved."""

import math

import numpy as np
import pytest

import nn
from nn import (
    SGD,
    Adam,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
    Schedule,
    SequentialLR,
    StepLR,
)
from tinygrad_edu import Tensor


def optimizer_of(*rates, kind=SGD, **options):
    groups = [{"params": [Tensor(1.0, requires_grad=True)], "lr": rate} for rate in rates]
    return kind(groups, lr=1.0, **options)


def sequence(module, optimizer):
    warm_up = module.LinearLR(optimizer, 0.1, total_iters=4)
    parts = [warm_up, module.CosineAnnealingLR(optimizer, 8), module.ExponentialLR(optimizer, 0.5)]
    return module.SequentialLR(optimizer, parts, [4, 10])


def cycle(**options):
    return lambda module, optimizer: module.OneCycleLR(optimizer, **options)


def settings(name, *arguments, **options):
    return lambda module, optimizer: getattr(module, name)(optimizer, *arguments, **options)


# A schedule of `nn` or of PyTorch, and its factors after 0, 1, 2, ... steps, worked out by hand.
SCHEDULES = {
    "step": (settings("StepLR", 2, gamma=0.5), [1, 1, 0.5, 0.5, 0.25]),
    "multi": (settings("MultiStepLR", [3, 1, 3], gamma=0.5), [1, 0.5, 0.5, 0.125, 0.125]),
    "exponential": (settings("ExponentialLR", 0.5), [1, 0.5, 0.25, 0.125]),
    "linear": (settings("LinearLR", 0.25, 0.75, total_iters=4), [0.25, 0.375, 0.5, 0.625, 0.75]),
    "warm-up": (settings("LinearLR"), [1 / 3, 7 / 15, 0.6, 11 / 15, 13 / 15, 1, 1]),
    "cosine": (
        settings("CosineAnnealingLR", 3),
        [1, 0.75, 0.25, 0, 0.25, 0.75, 1],
    ),
    "lowest": (settings("CosineAnnealingLR", 4, eta_min=0.05), None),
    "restarts": (
        settings("CosineAnnealingWarmRestarts", 2, 2),
        [1, 0.5, 1, (1 + 0.5**0.5) / 2, 0.5, (1 - 0.5**0.5) / 2, 1],
    ),
    "equal restarts": (settings("CosineAnnealingWarmRestarts", 3, eta_min=0.01), None),
    "lambda": (settings("LambdaLR", lambda t: 1 / (1 + t)), [1, 1 / 2, 1 / 3, 1 / 4]),
    "lambdas": (settings("LambdaLR", [lambda t: 0.9**t, lambda t: 0.5**t]), None),
    "sequence": (
        sequence,
        [0.1, 0.325, 0.55, 0.775, 1, (1 + math.cos(math.pi / 8)) / 2, (1 + 0.5**0.5) / 2],
    ),
    "cycle": (cycle(max_lr=1.0, total_steps=24), None),
    "cycles": (
        cycle(max_lr=[1.0, 0.3], epochs=4, steps_per_epoch=6, pct_start=0.25, three_phase=True),
        None,
    ),
    "lines": (
        cycle(max_lr=2.0, total_steps=24, anneal_strategy="linear", div_factor=4.0),
        None,
    ),
    "rates alone": (cycle(max_lr=2.0, total_steps=24, cycle_momentum=False), None),
}


@pytest.mark.parametrize("name", [name for name, (_, factors) in SCHEDULES.items() if factors])
def test_rates_worked_out(name):
    make, factors = SCHEDULES[name]
    optimizer = optimizer_of(0.5, 0.125)
    schedule = make(nn, optimizer)
    for factor in factors:
        found = [group["lr"] for group in optimizer.param_groups]
        np.testing.assert_allclose(found, [0.5 * factor, 0.125 * factor], atol=1e-15)
        assert schedule.get_last_lr() == found
        schedule.step()


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_agrees_with_pytorch(name, kind):
    torch = pytest.importorskip("torch")
    options = {"momentum": 0.9} if kind == "SGD" else {}
    ours = optimizer_of(0.5, 0.125, kind=getattr(nn, kind), **options)
    groups = [{"params": [torch.ones(1, requires_grad=True)], "lr": rate} for rate in (0.5, 0.125)]
    theirs = getattr(torch.optim, kind)(groups, **options)
    make, _ = SCHEDULES[name]
    schedules = make(nn, ours), make(torch.optim.lr_scheduler, theirs)
    for _ in range(24):
        for own, other in zip(ours.param_groups, theirs.param_groups, strict=True):
            for option in ("lr", "momentum" if kind == "SGD" else "betas"):
                np.testing.assert_allclose(own[option], other[option], rtol=1e-9, atol=1e-12)
        theirs.step()  # PyTorch warns without it
        for schedule in schedules:
            schedule.step()


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_saved_schedule_continues_exactly(name):
    make, _ = SCHEDULES[name]
    optimizer = optimizer_of(0.5, 0.125, momentum=0.9)
    schedule = make(nn, optimizer)
    for _ in range(7):
        schedule.step()
    saved = schedule.state_dict(), optimizer.state_dict()
    for order in (0, 1):  # the schedule first, or the optimizer
        other = optimizer_of(0.9, 0.8, momentum=0.9)
        twin = make(nn, other)
        loads = [(twin, saved[0]), (other, saved[1])]
        for one, state in loads[::-1] if order else loads:
            one.load_state_dict(state)
        for one in (optimizer, other):
            assert one.state_dict()["param_groups"] == saved[1]["param_groups"]
        twin.step()
        later = other.state_dict()["param_groups"]
    schedule.step()
    assert optimizer.state_dict()["param_groups"] == later


def test_one_cycle_by_hand():
    optimizer = optimizer_of(1.0, kind=Adam, betas=(0.5, 0.9))
    options = {"pct_start": 0.5, "anneal_strategy": "linear", "div_factor": 2.0}
    schedule = OneCycleLR(optimizer, 1.0, 6, final_div_factor=0.5, **options)
    found = []
    for _ in range(7):
        found.append((optimizer.lr, *optimizer.betas))
        schedule.step() if len(found) < 7 else None
    rates, betas, others = zip(*found, strict=True)
    np.testing.assert_allclose(rates, [0.5, 0.75, 1, 1, 1, 1, 1])
    np.testing.assert_allclose(betas, [0.95, 0.9, 0.85, 0.85 + 0.1 / 3, 0.95 - 0.1 / 3, 0.95, 0.95])
    assert set(others) == {0.9}
    with pytest.raises(ValueError, match="made for 6 steps, and this is step 7; call step"):
        schedule.step()
    assert schedule.last_epoch == 6
    single = OneCycleLR(optimizer_of(1.0), 1.0, 4, pct_start=0.25)
    assert single.get_last_lr() == [1.0]  # the rise takes no step


PLATEAUS = [
    {},
    {"mode": "max", "threshold_mode": "abs", "threshold": 0.1, "patience": 2, "cooldown": 3},
    {"patience": 1, "factor": 0.5, "min_lr": [0.02, 0.1]},
    {"mode": "max", "patience": 1},
    {"threshold_mode": "abs", "patience": 0, "eps": 0.01},
]


@pytest.mark.parametrize("options", PLATEAUS, ids=str)
def test_plateaus_agree_with_pytorch(options):
    torch = pytest.importorskip("torch")
    ours = optimizer_of(0.5, 0.125)
    groups = [{"params": [torch.ones(1, requires_grad=True)], "lr": rate} for rate in (0.5, 0.125)]
    theirs = torch.optim.SGD(groups)
    schedule = ReduceLROnPlateau(ours, **options)
    other = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **options)
    for value in np.random.default_rng(0).normal(size=60):
        schedule.step(Tensor(value))
        other.step(value)
        assert schedule.get_last_lr() == pytest.approx([g["lr"] for g in theirs.param_groups])


def test_a_plateau_by_hand():
    optimizer = optimizer_of(1.0)
    options = {"factor": 0.5, "patience": 1, "cooldown": 1, "min_lr": 0.2, "threshold": 0.1}
    schedule, found = ReduceLROnPlateau(optimizer, **options), []
    for loss in (10.0, 9.5, 9.5, 9.5, 9.5, 9.5, 8.0, 9.0, 9.0, 9.0, 9.0, 9.0):
        schedule.step(loss)
        found.append(optimizer.lr)
    # Not better by a tenth: twice too many; a step of cooldown; better; and again.
    assert found == [1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2, 0.2, 0.2, 0.2]
    assert repr(schedule) == "ReduceLROnPlateau(after 12 steps, best=8)"


def test_a_saved_plateau_continues():
    values = np.random.default_rng(1).normal(size=40)
    optimizer, other = optimizer_of(1.0), optimizer_of(1.0)
    schedule, twin = (ReduceLROnPlateau(o, patience=2, cooldown=2) for o in (optimizer, other))
    for value in values[:20]:
        schedule.step(value)
    twin.load_state_dict(schedule.state_dict())
    other.load_state_dict(optimizer.state_dict())
    for value in values[20:]:
        schedule.step(value)
        twin.step(value)
        assert optimizer.lr == other.lr
    with pytest.raises(ValueError, match="does not fit ReduceLROnPlateau, nothing was loaded"):
        twin.load_state_dict({"best": 1.0})


def test_fractions_of_epochs():
    optimizer = optimizer_of(1.0)
    schedule = CosineAnnealingWarmRestarts(optimizer, 2)
    schedule.step(0.5)
    assert optimizer.lr == pytest.approx((1 + 0.5**0.5) / 2)
    schedule.step(2.5)
    assert optimizer.lr == pytest.approx((1 + 0.5**0.5) / 2)
    with pytest.raises(ValueError, match="epoch must be >= 0"):
        schedule.step(-1)


def test_two_schedules_at_once_are_refused():
    optimizer = optimizer_of(1.0)
    first, second = ExponentialLR(optimizer, 0.5), LinearLR(optimizer)
    words = r"ExponentialLR set lr to 1, and now it is 0.333333: something else changed it.*Sequen"
    with pytest.raises(ValueError, match=words):
        first.step()
    second.step()
    optimizer.lr = 0.25
    with pytest.raises(ValueError, match=r"now it is 0\.25"):
        second.step()
    assert optimizer.lr == 0.25
    third = ExponentialLR(optimizer, 0.5)  # starts from the rate that the user has set
    third.step()
    assert optimizer.lr == 0.125


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda o: StepLR(o.params, 1), TypeError, "StepLR needs an optimizer with an option lr"),
        (lambda o: StepLR(o, 0), ValueError, "step_size must be >= 1"),
        (lambda o: ExponentialLR(o, -1.0), ValueError, "gamma must be >= 0"),
        (lambda o: MultiStepLR(o, [-1]), ValueError, "milestones must be >= 0"),
        (lambda o: MultiStepLR(o, 5), TypeError, "milestones must be a list of step numbers"),
        (lambda o: LinearLR(o, -0.5), ValueError, "start_factor must be >= 0"),
        (lambda o: CosineAnnealingLR(o, 2.5), TypeError, "T_max must be an int"),
        (lambda o: CosineAnnealingWarmRestarts(o, 2, 0), ValueError, "T_mult must be >= 1"),
        (lambda o: LambdaLR(o, [len, len]), ValueError, "a list of 1 functions"),
        (lambda o: LambdaLR(o, lambda t: -t - 1), ValueError, "lr must be >= 0, got -1"),
        (Schedule, NotImplementedError, "has no method rate; write rate"),
        (lambda o: SequentialLR(o, [StepLR(o, 1)], [3]), ValueError, "1 schedules need one mil"),
        (
            lambda o: SequentialLR(o, [StepLR(o, 1), StepLR(o, 2), StepLR(o, 3)], [3, 3]),
            ValueError,
            r"milestones must increase, got \[3, 3\]",
        ),
        (
            lambda o: SequentialLR(o, [StepLR(o, 1), StepLR(optimizer_of(1.0), 1)], [3]),
            ValueError,
            "schedules of the same optimizer$",
        ),
        (
            lambda o: SequentialLR(o, [StepLR(o, 1), ReduceLROnPlateau(o)], [3]),
            ValueError,
            "got a ReduceLROnPlateau",
        ),
        (lambda o: OneCycleLR(o, 1.0), ValueError, "needs total_steps, or epochs and steps_per"),
        (lambda o: OneCycleLR(o, 1.0, 5, pct_start=2), ValueError, "pct_start must be <= 1"),
        (lambda o: OneCycleLR(o, 1.0, 5, anneal_strategy="no"), ValueError, "'cos' or 'linear'"),
        (lambda o: OneCycleLR(o, [1.0, 2.0], 5), ValueError, "max_lr has 2 entries.* 1 groups"),
        (
            lambda o: OneCycleLR(optimizer_of(1.0, kind=nn.Adagrad), 1.0, 5),
            ValueError,
            "needs an optimizer with momentum or betas",
        ),
        (lambda o: ReduceLROnPlateau(o, mode="up"), ValueError, "mode must be 'min' or 'max'"),
        (lambda o: ReduceLROnPlateau(o, threshold_mode="a"), ValueError, "must be 'rel' or 'abs'"),
        (lambda o: ReduceLROnPlateau(o, factor=1.0), ValueError, "factor must be < 1"),
        (lambda o: ReduceLROnPlateau(o, min_lr=[0, 0]), ValueError, "min_lr has 2 entries"),
    ],
)
def test_mistakes_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make(optimizer_of(1.0))


def test_states_that_do_not_fit():
    schedule = StepLR(optimizer_of(1.0), 2)
    two = StepLR(optimizer_of(1.0, 2.0), 2).state_dict()
    for state, words in (({}, "expected last_epoch, base_lrs, got"), (two, "rates of 2 groups")):
        with pytest.raises(ValueError, match=words):
            schedule.load_state_dict(state)
    schedule.optimizer.add_param_group({"params": [Tensor(1.0, requires_grad=True)]})
    with pytest.raises(ValueError, match="something else changed it"):
        schedule.step()
    assert repr(schedule) == "StepLR(after 0 steps, lr=1)"
