"""What is due when."""

import math

from bihak.core.deadlines import Deadlines


def test_what_is_due_is_taken_once_and_the_earliest_first() -> None:
    deadlines: Deadlines[str] = Deadlines()
    for what, at in (("late", 30.5), ("early", 10.0), ("soon", 10.2), ("never", math.inf)):
        deadlines.set(what, at)
    assert deadlines.take(9.9) == []
    assert deadlines.take(10.9) == ["early"], "to the second, but never early"
    assert deadlines.take(40.0) == ["soon", "late"]
    assert deadlines.take(1e12) == []


def test_the_last_word_about_each_counts() -> None:
    deadlines: Deadlines[str] = Deadlines()
    for at in (10.0, 20.0, 30.0):
        deadlines.set("moved", at)
    deadlines.set("dropped", 10.0)
    deadlines.drop("dropped")
    deadlines.drop("dropped")
    assert deadlines.take(29.0) == []
    assert deadlines.take(30.0) == ["moved"]
    assert len(deadlines) == 0
