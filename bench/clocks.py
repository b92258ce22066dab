"""How much of a processor a process has used, to the nanosecond: the kernel's usual figure comes in hundredths."""

from pathlib import Path


def cpu_s(pid: int | None) -> float:
    """By all threads that the process has now; 0 without one, where a database is in our own process."""
    if pid is None:
        return 0.0
    spent_ns = (int(thread.read_text().split()[0]) for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"))
    return sum(spent_ns) / 1e9
