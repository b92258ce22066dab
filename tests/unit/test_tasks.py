"""Tasks wake up together, and are brought to an end, whatever they do with a CancelledError."""

import asyncio

import pytest
from structlog.testing import capture_logs

from bihak import tasks
from tests.waiting import Stubborn


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "AGAIN_AFTER_S", 0.01)


async def test_one_that_swallows_a_cancellation_is_cancelled_again() -> None:
    patient, stubborn = Stubborn(0), Stubborn(2)
    await asyncio.sleep(0)
    await tasks.end([patient.task, stubborn.task])
    assert patient.task.cancelled()
    assert stubborn.task.cancelled()


async def test_one_that_never_ends_is_left_with_a_warning() -> None:
    endless = Stubborn(tasks.MOST_TIMES)
    await asyncio.sleep(0)
    with capture_logs() as said:
        await tasks.end([endless.task])
    assert not endless.task.done()
    assert [entry["event"] for entry in said] == ["tasks do not end"]
    assert "Stubborn._run" in said[0]["tasks"][0]
    endless.task.cancel()
    await asyncio.wait([endless.task])


async def test_what_one_raises_as_it_ends_is_dropped_and_nothing_is_waited_for_where_nothing_runs() -> None:
    async def fail() -> None:
        raise ValueError

    failed = asyncio.create_task(fail())
    await asyncio.sleep(0)
    await tasks.end([failed])
    await tasks.end([])


@pytest.mark.parametrize("period_s", [0.5, 1.0, 2.0, 3600.0])
@pytest.mark.parametrize("now", [7.0, 7.001, 7.4, 7.93, 7.97, 7.9999])
async def test_all_wake_up_at_the_same_moment_and_none_twice(
    monkeypatch: pytest.MonkeyPatch, period_s: float, now: float
) -> None:
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "time", lambda: now)
    first = tasks.until_beat(period_s)
    assert period_s - 1.0 < first <= period_s + tasks.EARLY_S
    assert first > 0.01
    beat = now + first
    assert beat % min(1.0, period_s) == pytest.approx(0.0, abs=1e-6)
    for early_s in (0.0, 0.001):
        monkeypatch.setattr(loop, "time", lambda at=beat - early_s: at)
        assert tasks.until_beat(period_s) == pytest.approx(period_s + early_s)
