"""What a person exports from the playground: each file is saved by a button of the page and used.

The exports themselves are tested in `test_exports` and `test_exported_page`.
"""

import subprocess
import sys

import numpy as np
import pytest

from tests.browsing import watch_the_policy, watched
from tests.playground.visiting import SMALL, button, numbers_in, session_of


def exported(page, name, folder):
    """Export by a button of the window; return the file."""
    with page.expect_download() as download:
        page.get_by_role("dialog").get_by_role("button", name=name, exact=True).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


@pytest.fixture
def exports(enter, table, file, tmp_path):
    """All exports of a line with a branch, and the session that they are of."""
    page = enter(f"{SMALL}&change=30:opt=SGD:lr=0.3&step=120")
    button(page, "Export").click()
    kinds = {
        "html": "One HTML file",
        "python": "Python, tinygrad_edu",
        "numpy": "Python, NumPy",
        "torch": "Python, PyTorch",
        "safetensors": "Weights, safetensors",
    }
    found = {kind: exported(page, title, tmp_path) for kind, title in kinds.items()}
    (tmp_path / "flowers.csv").write_bytes(file.read_bytes())
    return session_of(page, table), found


def test_exports_have_the_weights_and_work(exports, context):
    session, files = exports
    run = subprocess.run(
        [sys.executable, files["python"].name],
        cwd=files["python"].parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.splitlines()[-1] == "same weights as in the playground: yes"
    weights_are_those_of(session, files["safetensors"])
    the_next_step_is_that_of(session, files["numpy"], files["safetensors"])
    compile(files["torch"].read_text("utf-8"), "torch.py", "exec")
    assert "import torch" in files["torch"].read_text("utf-8")
    the_page_predicts_like(session, files["html"], context)


def weights_are_those_of(session, file):
    from safetensors.numpy import load_file

    state = load_file(file)
    own = session.lane.network.state_dict()
    assert own.keys() == state.keys()
    assert all(own[name].tobytes() == state[name].tobytes() for name in own)


def the_next_step_is_that_of(session, program, weights):
    """The exported text, from the exported weights, makes the step that the session makes next."""
    from safetensors.numpy import load_file

    names = {"__name__": "exported"}
    exec(compile(program.read_text("utf-8"), program.name, "exec"), names)
    names["start"](load_file(weights))
    names["step"](*session.timeline.batch())
    session.step(1)
    mine, theirs = session.lane.network.state_dict(), names["weights"]()
    assert mine.keys() == theirs.keys()
    for name, array in mine.items():
        assert theirs[name] == pytest.approx(array, rel=1e-5, abs=1e-6)
    session.seek(session.position[0], session.timeline.step - 1)


def the_page_predicts_like(session, file, context):
    page = watched(context)
    watch_the_policy(page)
    page.goto(f"file://{file}")
    box = page.locator("#map").bounding_box()
    answers = set()
    for across, up in ((0.2, 0.2), (0.5, 0.8), (0.85, 0.4)):
        page.mouse.click(box["x"] + across * box["width"], box["y"] + (1 - up) * box["height"])
        place = [float(page.input_value(f"#value-{n}")) for n in (0, 1)]
        shares = session.predict(place)["probabilities"]
        best = int(np.argmax(shares))
        answer = page.locator("#answer").inner_text()
        assert answer.startswith(f"{session.data.classes[best]}, ")
        assert abs(numbers_in(answer)[-1] - 100 * shares[best]) < 1
        answers.add(answer.partition(",")[0])
    assert len(answers) == 3
    assert page.found == []
