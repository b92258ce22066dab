"""What nobody needs any more is kept for whoever comes back, and ended bit by bit."""

from bihak.core.lingering import AT_ONCE, LINGER_S, TICK_S, Lingering
from tests.harness import Clock


async def pass_time(clock: Clock, seconds: float) -> None:
    for _ in range(round(seconds / TICK_S)):
        await clock.advance(TICK_S)


async def test_what_nobody_takes_back_is_ended_after_a_while(clock: Clock) -> None:
    clock.stand()
    ended: list[str] = []
    lingering: Lingering[str] = Lingering(ended.append)
    lingering.put("gone")
    await pass_time(clock, 5)
    lingering.put("gone later")
    await pass_time(clock, LINGER_S - 5)
    assert ended == []
    await pass_time(clock, 2 * TICK_S)
    assert ended == ["gone"]
    assert not lingering.take("gone")
    await pass_time(clock, 5)
    assert ended == ["gone", "gone later"]


async def test_what_is_taken_back_stays_and_has_the_whole_time_when_it_is_left_again(clock: Clock) -> None:
    clock.stand()
    ended: list[str] = []
    lingering: Lingering[str] = Lingering(ended.append)
    lingering.put("left")
    lingering.put("left again")
    await pass_time(clock, LINGER_S / 2)
    assert [lingering.take(key) for key in ("left", "left again", "never here")] == [True, True, False]
    assert not lingering.take("left")
    lingering.put("left again")
    await pass_time(clock, LINGER_S)
    assert ended == []
    await pass_time(clock, 2 * TICK_S)
    assert ended == ["left again"]


async def test_a_crowd_is_ended_in_bites(clock: Clock) -> None:
    clock.stand()
    ended: list[int] = []
    lingering: Lingering[int] = Lingering(ended.append)
    for number in range(2 * AT_ONCE + 1):
        lingering.put(number)
    await pass_time(clock, LINGER_S)
    counts = []
    for _ in range(5):
        await clock.advance(TICK_S)
        counts.append(len(ended))
    assert counts == [AT_ONCE, 2 * AT_ONCE, 2 * AT_ONCE + 1, 2 * AT_ONCE + 1, 2 * AT_ONCE + 1]
    assert ended == list(range(2 * AT_ONCE + 1))


async def test_nothing_is_ended_after_its_end(clock: Clock) -> None:
    clock.stand()
    ended: list[str] = []
    lingering: Lingering[str] = Lingering(ended.append)
    lingering.put("left")
    lingering.close()
    await pass_time(clock, 2 * LINGER_S)
    assert ended == []
