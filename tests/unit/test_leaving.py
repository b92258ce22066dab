"""Those who closed a connection are told of when their time has come, with one timer for all of them."""

import asyncio

from bihak.core.identity import Actor
from bihak.features.presence.here import Here
from bihak.features.presence.leaving import AT_ONCE, Leaving
from bihak.protocol.types import Participant
from tests.harness import Clock


def person(number: int) -> Here:
    who = Participant("user", number)
    return Here(Actor(who, who.user_id))


async def test_each_leaves_in_its_time_whoever_was_first(clock: Clock) -> None:
    left: list[Here] = []
    leaving = Leaving(left.append)
    late, soon = person(1), person(2)
    leaving.set(late, 5)
    leaving.set(soon, 3)
    await clock.advance(2.9)
    assert left == []
    await clock.advance(0.2)
    assert left == [soon]
    await clock.advance(2.1)
    assert left == [soon, late]


async def test_who_stays_does_not_leave_and_who_goes_again_has_the_whole_time(clock: Clock) -> None:
    left: list[Here] = []
    leaving = Leaving(left.append)
    stays, returns = person(1), person(2)
    for here in (stays, returns):
        leaving.set(here, 3)
        here.stay()
    await clock.advance(2)
    leaving.set(returns, 3)
    await clock.advance(2)
    assert left == []
    await clock.advance(1.1)
    assert left == [returns]
    await clock.advance(9)
    assert left == [returns]


async def test_who_is_waited_for_longer_leaves_later(clock: Clock) -> None:
    left: list[float] = []
    here = person(1)

    def look(who: Here) -> None:
        left.append(round(clock.ahead_s))
        if len(left) == 1:
            leaving.set(who, 2)

    leaving = Leaving(look)
    leaving.set(here, 3)
    for _ in range(6):
        await clock.advance(1.01)
    assert left == [3, 5]


async def test_a_fault_with_one_is_not_one_with_the_others(clock: Clock) -> None:
    left: list[Here] = []
    faults: list[object] = []

    def look(who: Here) -> None:
        if not left and not faults:
            raise ValueError("this one cannot be told of")
        left.append(who)

    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: faults.append(context["exception"]))
    leaving = Leaving(look)
    crowd = [person(number) for number in range(1, 4)]
    for here in crowd:
        leaving.set(here, 3)
    await clock.advance(3.1)
    assert (len(faults), left) == (1, crowd[1:])


async def test_a_crowd_leaves_in_turns_that_others_have_theirs_between(clock: Clock) -> None:
    left: list[Here] = []
    turns: list[int] = []

    def look(who: Here) -> None:
        left.append(who)
        if len(left) == 1:
            asyncio.get_running_loop().call_soon(lambda: turns.append(len(left)))

    leaving = Leaving(look)
    crowd = [person(number) for number in range(1, 2 * AT_ONCE + 2)]
    for here in crowd:
        leaving.set(here, 3)
    await clock.advance(3.1)
    assert turns == [AT_ONCE]
    assert left == crowd
