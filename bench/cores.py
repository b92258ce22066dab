"""Who runs on which core: the server alone on the first, the load generator and the database on the second.

The database is put beside the generator because the question is what the server costs, and it shall not wait for a
core that the database has; the generator is cheap enough to leave it one. With one core, everything shares it.
"""

import os
from contextlib import suppress
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
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(ProcessLookupError):  # it has just ended
            os.sched_setaffinity(int(thread.name), cores)
