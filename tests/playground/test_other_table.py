"""Tests that an address about one table never opens another one, and says so in one line."""

import pytest

from nn.playground.session import Session
from nn.playground.tables import read_table

TABLE = read_table(
    "a,b,label\n" + "".join(f"{i},{i % 7},{'xy'[i % 2]}\n" for i in range(30)), "t.csv"
)


@pytest.mark.parametrize(
    "about",
    ["file=other.csv", "file=other.csv&digest=00", "file=%0Ax&digest=1%0A2", "digest=0%0A0"],
)
def test_another_table_is_refused(about):
    with pytest.raises(ValueError, match="the address is about") as caught:
        Session.open(f"data=csv&{about}&step=3", table=TABLE)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("about", ["", "&file=t.csv", f"&digest={TABLE.digest}"])
def test_the_same_table_is_opened(about):
    session = Session.open(f"data=csv{about}&step=3", table=TABLE)
    assert session.position == (0, 3)
    assert f"file=t.csv&digest={TABLE.digest}" in session.state
