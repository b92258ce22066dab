"""Who runs on which core: the server alone on the first, the load generator and the database on the second.

The database is put beside the generator because the question is what the server costs, and it shall not wait for a
core that the database has; the generator is cheap enough to leave it one. With one core, everything shares it.
"""

import os
from pathlib import Path

CORES = sorted(os.sched_getaffinity(0))
SERVER = {CORES[0]}
OTHERS = {CORES[1]} if len(CORES) > 1 else {CORES[0]}
BOTH = SERVER | OTHERS


def pin(pid: int, cores: set[int]) -> None:
    """Keeps a process on those cores, with the threads it has and those it will have."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)
