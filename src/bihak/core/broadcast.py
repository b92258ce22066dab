"""What many sessions get at once: in one system call where the system has one for that, else one for each."""

import itertools
import os
from collections.abc import Collection, Iterable

import structlog

from bihak.core.ring import MOST_BYTES, MOST_SOCKETS, SendRing
from bihak.core.session import Session

log = structlog.stdlib.get_logger("bihak.broadcast")

WORTH_A_RING = 200
"""Sessions; for fewer, putting one system call together takes as long as it saves (docs/decisions/0022)."""


class Broadcast:
    """For the event loop only."""

    def __init__(self, *, uses_ring: bool) -> None:
        """`uses_ring`: where there is io_uring."""
        self._uses_ring = uses_ring
        self._ring: SendRing | None = None

    def open(self) -> None:
        """Finds out what the system has."""
        if not self._uses_ring or self._ring is not None:
            return
        try:
            self._ring = SendRing()
        except OSError as fault:
            log.debug("io_uring is not used", error=str(fault))
        else:
            log.debug("io_uring is used")

    def close(self) -> None:
        if self._ring is not None:
            self._ring.close()
            self._ring = None

    def offer(self, sessions: Collection[Session], frames: bytes) -> list[Session]:
        """As `Session.offer` to each, at once where nothing waits; those that refused.

        The rest of what was begun is not refused.
        """
        if self._ring is None or len(sessions) < WORTH_A_RING or len(frames) > MOST_BYTES:
            return _offer_one_by_one(sessions, frames)
        left = iter(sessions)
        refused = []
        while chunk := list(itertools.islice(left, MOST_SOCKETS)):
            refused += self._offer_together(chunk, frames)
        return refused

    def _offer_together(self, sessions: list[Session], frames: bytes) -> list[Session]:
        descriptors, unknown = [session.descriptor for session in sessions], []
        if min(descriptors) < 0:
            unknown = [session for session in sessions if session.descriptor < 0]
            sessions = [session for session in sessions if session.descriptor >= 0]
            descriptors = [session.descriptor for session in sessions]
        if self._ring is None or len(sessions) < WORTH_A_RING:
            return _offer_one_by_one([*sessions, *unknown], frames)
        try:
            behind = self._ring.send(descriptors, frames)
        except OSError as fault:
            log.warning("io_uring failed and is not used any more", error=str(fault))
            self.close()
            return _offer_one_by_one([*sessions, *unknown], frames)
        # Nothing waited before any of them, so what is left of a frame that was begun is never refused.
        refused = [sessions[place] for place, taken in behind if not sessions[place].offer(frames[taken:])]
        return refused + _offer_one_by_one(unknown, frames)


def _offer_one_by_one(sessions: Iterable[Session], frames: bytes) -> list[Session]:
    """In one round: a second takes longer than the writes that it saves, and asking each transport a fifth of those."""
    size, write, refused = len(frames), os.write, []
    for session in sessions:
        taken = 0
        descriptor = session.descriptor
        if descriptor >= 0 or (descriptor := session.find_descriptor()) >= 0:
            try:  # here, since a function for it would take as long as all the rest
                taken = write(descriptor, frames)
            except OSError:
                taken = 0
            if taken == size:
                continue
        if not session.offer(frames[taken:]):
            refused.append(session)
    return refused
