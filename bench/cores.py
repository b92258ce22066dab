"""Who runs on which core: the server alone on the first, the load generator and the database on the second.

The database is put beside the generator because the question is what the server costs, and it shall not wait for a
core that the database has; the generator is cheap enough to leave it one. With one core, everything shares it.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

CORES = sorted(os.sched_getaffinity(0))
FIRST, SECOND = {CORES[0]}, {CORES[min(1, len(CORES) - 1)]}


class Places(NamedTuple):
    """The cores of the server, and those of the generator and the databases."""

    server: set[int]
    others: set[int]


APART = Places(FIRST, SECOND)
ON_ONE = Places(FIRST, FIRST)
"""Everything on one core, to be held against everything on two."""
ON_TWO = Places(FIRST | SECOND, FIRST | SECOND)


def pin(pid: int, cores: set[int]) -> None:
    """Keeps a process on those cores, with the threads it has and those it will have."""
    for thread in _threads(pid):
        with suppress(ProcessLookupError):  # it has just ended
            os.sched_setaffinity(thread, cores)


def confine(pid: int, cores: set[int]) -> None:
    """As `pin`, but a thread that keeps to some of those cores already is left there."""
    for thread in _threads(pid):
        with suppress(ProcessLookupError):
            if not os.sched_getaffinity(thread) <= cores:
                os.sched_setaffinity(thread, cores)


@contextmanager
def ahead(pids: Iterable[int]) -> Iterator[None]:
    """Meanwhile those processes, and those started here, need not wait for the machine's other programs.

    For what leaves the cores idle most of the time: among themselves they would take turns of a tenth of a second.
    Without the right to (`may_go_ahead`) everything stays as it is.
    """
    if not may_go_ahead():
        yield
        return
    _schedule([os.getpid(), *pids], os.SCHED_RR, 1)
    try:
        yield
    finally:
        _schedule([os.getpid(), *pids], os.SCHED_OTHER, 0)


def may_go_ahead() -> bool:
    """Whether we may take precedence over other programs: root may, or who has CAP_SYS_NICE or a limit for it."""
    policy, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        return False
    os.sched_setscheduler(0, policy, parameter)
    return True


def _schedule(pids: Iterable[int], policy: int, priority: int) -> None:
    for thread in [thread for pid in pids for thread in _threads(pid)]:
        with suppress(ProcessLookupError):
            os.sched_setscheduler(thread, policy, os.sched_param(priority))


def _threads(pid: int) -> list[int]:
    return [int(thread.name) for thread in Path(f"/proc/{pid}/task").iterdir()]
