"""Work that follows the events of conversations: what is due, and the events as far as this node has them."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from bihak.errors import ChatError
from bihak.protocol.envelope import DurableEvent

log = structlog.stdlib.get_logger("bihak.deferred")

REST = 2.0
"""How long the work rests, in times of what it took: it has a third of the writer at most, and sends the rest."""
LONGEST_REST_S = 1.0
RETRY_S = 1.0
SHARE = 4
"""One step takes one in so many of the conversations that are due."""
MAX_HELD_BYTES = 64 << 20
"""Of events that wait; past that they are let go, and whoever works reads them from the database."""
EVENT_BYTES = 500
"""What an event takes beside its text, about."""


class AtOnce(NamedTuple):
    """How many conversations one step takes: no fewer while more are due, and never more."""

    least: int
    most: int


class Due(NamedTuple):
    """What is to be worked on in one conversation."""

    through: int
    """Up to and with this seq."""
    events: Sequence[DurableEvent] = ()
    """What this node has of the events up to there: all kinds, without a gap. There may be more on either side."""


@dataclass(slots=True)
class _Held:
    """Events of one conversation, without a gap up to the latest that was followed."""

    events: list[DurableEvent]
    size: int
    """Bytes, about."""


class Backlog:
    """Conversations in which something happened, kept for `delay_s`. For the event loop only.

    Events of the kinds `wanted` make work; the others are kept in between, so that nothing is missing. A conversation
    is worked on at most every `rest_s`: in a busy one, what comes meanwhile waits for another `delay_s`. What one step
    left over does not rest.
    """

    def __init__(self, delay_s: float, wanted: tuple[type[DurableEvent], ...], rest_s: float = 0.0) -> None:
        self._delay_s = delay_s
        self._rest_s = rest_s
        self._handed_over: dict[int, float] = {}
        """When each was worked on that is to rest."""
        self._grain_s = delay_s / 4
        self._wanted = wanted
        self._waiting: deque[tuple[float, dict[int, int]]] = deque()
        """What came within one grain of time, with when it is due."""
        self._due: dict[int, int] = {}
        self._held: dict[int, _Held] = {}
        self._held_bytes = 0
        self._came = asyncio.Event()

    def follow(self, events: Sequence[DurableEvent]) -> None:
        """This node committed these, in the order of their seqs."""
        seqs: dict[int, int] = {}
        for event in events:
            cid = event.conversation_id
            is_wanted = isinstance(event, self._wanted)
            if is_wanted:
                seqs[cid] = event.seq
            held = self._held.get(cid)
            if held is not None and held.events[-1].seq + 1 != event.seq:
                self._let_go(cid)  # another node was at it
                held = None
            size = EVENT_BYTES + len(getattr(event, "content", ""))
            if held is not None:
                held.events.append(event)
                held.size += size
            elif is_wanted:
                self._held[cid] = _Held([event], size)
            else:
                continue
            self._held_bytes += size
        if self._held_bytes > MAX_HELD_BYTES:
            self._held.clear()
            self._held_bytes = 0
        if seqs:
            self.add(seqs.items())

    def add(self, seqs: Iterable[tuple[int, int]]) -> None:
        """Something happened, wherever: (conversation_id, seq)."""
        now = asyncio.get_running_loop().time()
        due = now + self._delay_s
        if not self._waiting or self._waiting[-1][0] < due:
            self._waiting.append((due + self._grain_s, {}))
            self._came.set()
        _raise(self._waiting[-1][1], seqs)

    def add_due(self, seqs: Mapping[int, int]) -> None:
        """As `add`, for what needs no delay."""
        _raise(self._due, seqs.items())
        self._came.set()

    async def run(
        self, work: Callable[[dict[int, Due]], Awaitable[None]], conversations: AtOnce, events: int = 1_000_000
    ) -> None:
        """Hands `work` what is due, so many conversations and events at a time, until it is cancelled.

        The more are due, the more at a time: most of a step's cost is the same for few and for many, but the longer it
        is, the longer a message may wait behind it.
        """
        while True:
            taken = await self._take(conversations, events)
            started = time.perf_counter()
            try:
                await work(taken)
            except ChatError as error:
                log.debug("put off again", error=error.message)
                self.add_due({cid: due.through for cid, due in taken.items()})
                await asyncio.sleep(RETRY_S)
            else:
                await asyncio.sleep(min(LONGEST_REST_S, REST * (time.perf_counter() - started)))

    async def _take(self, conversations: AtOnce, events: int) -> dict[int, Due]:
        while True:
            now = asyncio.get_running_loop().time()
            while self._waiting and self._waiting[0][0] <= now:
                self._fall_due(self._waiting.popleft()[1], now)
            if self._due:
                share = len(self._due) // SHARE
                return self._take_due(min(max(share, conversations.least), conversations.most), events)
            if self._waiting:
                await asyncio.sleep(self._waiting[0][0] - now)
            else:
                self._came.clear()
                await self._came.wait()

    def _fall_due(self, seqs: Mapping[int, int], now: float) -> None:
        """What was worked on a moment ago waits once more."""
        recent = {cid: at for cid, at in self._handed_over.items() if at > now - self._rest_s}
        self._handed_over = recent
        self.add_due({cid: seq for cid, seq in seqs.items() if cid not in recent})
        again = [(cid, seq) for cid, seq in seqs.items() if cid in recent]
        if again:
            self.add(again)

    def _take_due(self, conversations: int, events: int) -> dict[int, Due]:
        taken: dict[int, Due] = {}
        while self._due and len(taken) < conversations and events > 0:
            cid = next(iter(self._due))
            through = self._due.pop(cid)
            some = self._take_held(cid, through, events)
            if some and some[-1].seq < through and cid in self._held:
                self._due[cid] = through  # the rest, once the others had their turn
            taken[cid] = Due(some[-1].seq if cid in self._due else through, some)
            events -= len(some)
        if self._rest_s:
            self._handed_over |= dict.fromkeys(taken, asyncio.get_running_loop().time())
        return taken

    def _take_held(self, conversation_id: int, through: int, most: int) -> list[DurableEvent]:
        held = self._held.get(conversation_id)
        if held is None:
            return []
        events = held.events
        count = min(max(0, through - events[0].seq + 1), most)
        if count >= len(events):
            self._let_go(conversation_id)
            return events
        size = held.size * count // len(events)
        held.size -= size
        self._held_bytes -= size
        held.events = events[count:]
        return events[:count]

    def _let_go(self, conversation_id: int) -> None:
        self._held_bytes -= self._held.pop(conversation_id).size


def _raise(heads: dict[int, int], seqs: Iterable[tuple[int, int]]) -> None:
    """Two transactions of this node that end together may be told of in either order."""
    for conversation_id, seq in seqs:
        heads[conversation_id] = max(seq, heads.get(conversation_id, 0))
