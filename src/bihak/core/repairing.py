"""Repair: what was published and did not come is read from the log, or looked for, after a moment."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from bihak.cluster.envelope import Envelope
from bihak.core.log import LogReader
from bihak.core.room import Room
from bihak.errors import ChatError
from bihak.tasks import Running

log = structlog.stdlib.get_logger("bihak.hub")

GAP_HOLD_S = 0.1
"""How long an event waits for the ones before it before the log is asked."""
PAGE = 200
"""Events of one room that are read and delivered at a time."""
RETRY_S = 1.0


class Repairing:
    """Heals lost publications. For the event loop only."""

    def __init__(
        self, log_reader: LogReader, running: Running, deliver: Callable[[Room, Sequence[Envelope]], None]
    ) -> None:
        """`deliver` is called with a room and events of its log."""
        self._log = log_reader
        self._running = running
        self._deliver = deliver
        self.on_unannounced: Callable[[int], Awaitable[None]]
        """Called with a conversation that somebody here may be in without having heard of it. May raise ChatError."""

    def expect(self, room: Room, seq: int) -> None:
        """Events up to `seq` exist: unless they come within `GAP_HOLD_S`, the room reads them from the log."""
        room.target = max(room.target, seq)
        if room.repair is None:
            room.repair = self._running.start(self._repair(room))

    async def _repair(self, room: Room) -> None:
        try:
            await asyncio.sleep(GAP_HOLD_S)
            while room.head is not None and room.head < room.target:
                try:
                    through = min(room.target, room.head + PAGE)
                    envelopes = await self._log.read_room(room.conversation_id, room.head, through)
                except ChatError as error:
                    log.warning("cannot read the log", conversation_id=room.conversation_id, error=error.message)
                    await asyncio.sleep(RETRY_S)
                    continue
                if not envelopes:
                    # What was announced is not in the log: nobody can ever send it.
                    room.target = room.head
                    room.early.clear()
                    break
                self._deliver(room, envelopes)
        finally:
            room.repair = None

    def look_for_unannounced(self, conversation_id: int) -> None:
        """Announcements are on their way; those that have not come after a moment were lost."""
        self._running.start(self._look_for_unannounced(conversation_id))

    async def _look_for_unannounced(self, conversation_id: int) -> None:
        await asyncio.sleep(GAP_HOLD_S)
        while True:
            try:
                await self.on_unannounced(conversation_id)
            except ChatError as error:
                log.debug("cannot look for members", conversation_id=conversation_id, error=error.message)
                await asyncio.sleep(RETRY_S)
            else:
                return
