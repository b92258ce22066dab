"""Where people stand in their conversations, read for many who sign in or come back at once."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from bihak.core.log import RESUME_LIMIT, LogEntry, Span
from bihak.features.messages import ReadCursor, count_unread
from bihak.features.participants import Profile, among_literal, load_profiles
from bihak.protocol.types import Participant
from bihak.storage.dialect import Dialect
from bihak.storage.statement import run_packed

ROWS_AT_ONCE = 1000
"""Memberships that one read is for, as far as can be told before: twenty people may have ten thousand each. And while
one read is under way, those who were read before are served."""
FEW_ROWS = 10
FEW_EVENTS = 50
"""Of one conversation, which are read along with the places; what missed more is read by the page."""
EVENTS_AT_ONCE = 2000


ReadLog = Callable[[sa.Connection, Sequence[Span]], list[list[LogEntry]]]
"""As `Log.read`."""


class Place(msgspec.Struct, array_like=True, gc=False):
    """A membership, past ones included, with its conversation's head."""

    conversation_id: int
    last_seq: int
    joined_seq: int
    left_seq: int | None
    last_read_seq: int
    last_read_message_id: int | None
    unread: int = 0


class ConversationHead(msgspec.Struct, omit_defaults=True, gc=False):
    """`resync`: too much was missed to be replayed; fetch the history anew."""

    conversation_id: int
    last_seq: int
    resync: bool = False


class Arrival(NamedTuple):
    """Somebody who signs in, and up to which seqs they know their conversations if they come back."""

    who: Participant
    resume: dict[int, int] | None = None


class Resumption(msgspec.Struct):
    """What somebody who comes back is to be told."""

    heads: list[ConversationHead]
    """What each conversation comes to."""
    lacking: dict[int, int]
    """After which seq they lack events of the conversations they are in."""
    new: list[int]
    """Conversations that they do not know."""
    ended: dict[int, Span]
    """What they lack of those that they are no longer in."""
    missed: dict[int, list[LogEntry]]
    """The events of what they lack, up to the head, where it is little."""

    @property
    def unread(self) -> list[Span]:
        """What of `ended` is not in `missed`."""
        return [span for cid, span in self.ended.items() if cid not in self.missed]


class Found(NamedTuple):
    """All about an arrival, as of one moment."""

    profile: Profile
    current: dict[int, Place]
    """By conversation; the memberships that last."""
    resumption: Resumption | None


class ArrivalReader:
    """Reads everything about those who arrive together in a few statements."""

    def __init__(self, dialect: Dialect, read_log: ReadLog) -> None:
        self._dialect = dialect
        self._read_log = read_log
        self._rows_each = FEW_ROWS

    def weigh(self, arrival: Arrival) -> int:
        """How many rows it may take: as many as it knows conversations, or as those before it had."""
        return max(self._rows_each, len(arrival.resume or ()))

    def read(self, connection: sa.Connection, arrivals: Sequence[Arrival]) -> list[Found]:
        people = list({arrival.who: None for arrival in arrivals})
        profiles = dict(zip(people, load_profiles(connection, people), strict=True))
        places = self._read_places(connection, people)
        self._rows_each = max(FEW_ROWS, sum(map(len, places.values())) // len(people))
        found = [
            Found(
                profiles[arrival.who],
                {place.conversation_id: place for place in places[arrival.who] if place.left_seq is None},
                None if arrival.resume is None else compare(arrival.who, places[arrival.who], arrival.resume),
            )
            for arrival in arrivals
        ]
        self._read_missed(connection, arrivals, found)
        return found

    def _read_places(self, connection: sa.Connection, people: Sequence[Participant]) -> dict[Participant, list[Place]]:
        found: dict[Participant, list[Place]] = {who: [] for who in people}
        # One row for each person: a driver takes longer over a row than a database over putting it together.
        for kind, number, text in run_packed(connection, _PLACES.format(people=among_literal("p", people)), _people):
            places = found[Participant(kind, number)] = _decode(f"[{text}]")
            places.sort(key=attrgetter("conversation_id"))
        unread: list[Place] = []
        cursors: list[ReadCursor] = []
        for who, places in found.items():
            for place in places:
                # Of a membership that is over, nothing counts as unread.
                if place.left_seq is None and place.last_read_seq < place.last_seq:
                    unread.append(place)
                    cursors.append(ReadCursor(who, place.conversation_id, place.last_read_seq, place.last_seq))
        for place, count in zip(unread, count_unread(connection, self._dialect, cursors), strict=True):
            place.unread = count
        return found

    def _read_missed(self, connection: sa.Connection, arrivals: Sequence[Arrival], found: Sequence[Found]) -> None:
        spans: list[Span] = []
        into: list[dict[int, list[LogEntry]]] = []
        for arrival, (_, current, resumption) in zip(arrivals, found, strict=True):
            if resumption is None or not (resumption.lacking or resumption.ended):
                continue
            for cid, after in resumption.lacking.items():
                through = current[cid].last_seq
                if through - after <= FEW_EVENTS:
                    spans.append(Span(arrival.who, cid, after, through))
                    into.append(resumption.missed)
            for span in resumption.ended.values():
                if span.through - span.after <= FEW_EVENTS:
                    spans.append(span)
                    into.append(resumption.missed)
        left = EVENTS_AT_ONCE
        for at, span in enumerate(spans):
            left -= span.through - span.after
            if left < 0:
                del spans[at:], into[at:]
                break
        if spans:
            for span, missed, entries in zip(spans, into, self._read_log(connection, spans), strict=True):
                missed[span.conversation_id] = entries


def compare(who: Participant, places: Sequence[Place], resume: dict[int, int]) -> Resumption:
    """What somebody who knows these conversations up to these seqs is to be told."""
    found = Resumption([], {}, [], {}, {})
    for place in places:
        cid, is_in = place.conversation_id, place.left_seq is None
        end = place.last_seq if place.left_seq is None else place.left_seq
        after = resume.get(cid)
        if after is None or (is_in and after < place.joined_seq):
            # Unknown to the client, or known from a membership that ended: what lies between is not theirs to see.
            if is_in:
                found.new.append(cid)
                found.heads.append(ConversationHead(cid, end))
            continue
        if after >= end and not is_in:
            continue
        resync = after > end or end - after > RESUME_LIMIT
        found.heads.append(ConversationHead(cid, end, resync))
        if resync or after == end:
            continue
        if is_in:
            found.lacking[cid] = after
        else:
            found.ended[cid] = Span(who, cid, after, end)
    return found


def read_rooms(connection: sa.Connection, people: Sequence[Participant]) -> list[list[int]]:
    """The conversations that each is in now."""
    found: dict[Participant, list[int]] = {}
    for kind, number, text in run_packed(connection, _ROOMS.format(people=among_literal("p", people)), _people):
        found[Participant(kind, number)] = list(map(int, text.split(",")))
    return [found.get(person, []) for person in people]


_PLACES = """
    SELECT JSON_ARRAY(p.participant_type, p.participant_id, GROUP_CONCAT(JSON_ARRAY(
        p.conversation_id, c.last_seq, p.joined_seq, p.left_seq, p.last_read_seq, p.last_read_message_id)))
    FROM conversation_participants p JOIN conversations c ON c.id = p.conversation_id
    WHERE {people} GROUP BY p.participant_type, p.participant_id
"""
_ROOMS = """
    SELECT JSON_ARRAY(p.participant_type, p.participant_id, GROUP_CONCAT(p.conversation_id))
    FROM conversation_participants p
    WHERE p.left_seq IS NULL AND {people} GROUP BY p.participant_type, p.participant_id
"""
_people = msgspec.json.Decoder(list[tuple[str, int, str]])
_decode = msgspec.json.Decoder(list[Place]).decode
