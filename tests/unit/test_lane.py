"""The order of a connection's requests."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bihak.core.lane import Lane, Turn


@dataclass
class Named:
    """Implements `Waiter`."""

    name: str
    turn: Turn
    start: Callable[[], None]


class Requests:
    """Requests in a lane, and the order in which they were started."""

    def __init__(self) -> None:
        self.lane = Lane()
        self.started: list[str] = []
        self.turns: dict[str, Turn] = {}

    def enter(self, name: str, turn: Turn) -> None:
        self.turns[name] = turn
        self.lane.enter(Named(name, turn, lambda: self.started.append(name)))

    def leave(self, name: str) -> None:
        self.lane.leave(self.turns[name])


def test_writes_start_without_waiting_for_each_other() -> None:
    requests = Requests()
    for name in "abc":
        requests.enter(name, Turn.WRITE)
    assert requests.started == ["a", "b", "c"]


def test_what_runs_alone_waits_for_those_before_and_holds_up_those_behind() -> None:
    requests = Requests()
    requests.enter("w1", Turn.WRITE)
    requests.enter("w2", Turn.WRITE)
    requests.enter("alone", Turn.ALONE)
    requests.enter("w3", Turn.WRITE)
    requests.enter("live", Turn.LIVE)
    requests.leave("w1")
    assert requests.started == ["w1", "w2"]
    requests.leave("w2")
    assert requests.started == ["w1", "w2", "alone"]
    requests.leave("alone")
    assert requests.started == ["w1", "w2", "alone", "w3", "live"]


def test_live_requests_do_not_wait_for_writes() -> None:
    requests = Requests()
    requests.enter("w", Turn.WRITE)
    requests.enter("live", Turn.LIVE)
    assert requests.started == ["w", "live"]


def test_waiting_requests_can_be_taken_out() -> None:
    requests = Requests()
    requests.enter("alone", Turn.ALONE)
    for name in ("a1", "b1", "a2"):
        requests.enter(name, Turn.WRITE)
    taken = requests.lane.take_waiting(lambda request: request.name.startswith("a"))
    assert [request.name for request in taken] == ["a1", "a2"]
    requests.leave("alone")
    assert requests.started == ["alone", "b1"]
    assert len(requests.lane) == 1


def test_whoever_waits_for_progress_is_told_of_each_answer() -> None:
    requests = Requests()
    told: list[int] = []
    requests.lane.on_progress = lambda: told.append(len(requests.lane))
    requests.enter("w", Turn.WRITE)
    requests.enter("alone", Turn.ALONE)
    requests.leave("w")
    requests.leave("alone")
    assert told == [1, 0]


@given(turns=st.lists(st.sampled_from(Turn), max_size=20), data=st.data())
def test_requests_start_in_order_each_once_and_alone_if_they_asked_to(turns: list[Turn], data: st.DataObject) -> None:
    requests = Requests()
    for at, turn in enumerate(turns):
        requests.enter(str(at), turn)
    answered: set[str] = set()
    while running := [name for name in requests.started if name not in answered]:
        alone = [name for name in running if requests.turns[name] is Turn.ALONE]
        assert not alone or set(running) - set(alone) <= {n for n in running if requests.turns[n] is Turn.LIVE}
        assert len(alone) <= 1
        name = data.draw(st.sampled_from(running))
        answered.add(name)
        requests.leave(name)
    assert requests.started == [str(at) for at in range(len(turns))]
    assert len(requests.lane) == 0


@pytest.mark.parametrize("count", [128, 200])
def test_as_many_requests_as_a_connection_may_have_wait_their_turn(count: int) -> None:
    lane = Lane()
    lane.enter(Named("alone", Turn.ALONE, lambda: None))
    for _ in range(count):
        lane.enter(Named("live", Turn.LIVE, lambda: lane.leave(Turn.LIVE)))
    lane.leave(Turn.ALONE)
    assert len(lane) == 0
