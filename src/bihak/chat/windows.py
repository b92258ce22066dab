"""A file of unsent messages for each window of one person; what a window left behind goes to the next that opens.

Two windows that shared a file would each take the other's messages for its own. A lock tells that a window is still
there; the system lets go of it however the window ends.
"""

from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

from bihak.client.shelf import FileShelf


class Claim:
    """The first of `folder`'s files `name.db`, `name-2.db`, ... that no window has, until it is released.

    It holds whatever is unsent in those that nobody has. Should that be interrupted, messages may be in two files;
    their keys see to it that they are stored once.
    """

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            self.path = folder / (f"{name}.db" if number == 1 else f"{name}-{number}.db")
            lock = _lock(self.path)
            if lock is not None:
                self._lock = lock
                break
        for other in sorted(folder.glob(f"{name}-*.db")):
            if other != self.path:
                self._take_over(other)

    def release(self) -> None:
        self._lock.release()

    def _take_over(self, other: Path) -> None:
        lock = _lock(other)
        if lock is None:
            return
        mine, theirs = FileShelf(self.path), FileShelf(other)
        known = {draft.key for draft in mine.load()}
        for draft in theirs.load():
            if draft.key not in known:
                mine.put(draft)
        theirs.close()
        mine.close()
        other.unlink()
        lock.release()


def _lock(path: Path) -> FileLock | None:
    """None where another window has it. The file of the lock stays, or two might hold one each under its name."""
    lock = FileLock(path.with_suffix(".lock"), blocking=False)
    try:
        lock.acquire()
    except Timeout:
        return None
    return lock
