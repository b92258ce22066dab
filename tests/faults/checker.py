"""Says what of the promise was broken, from what the clients wrote down and what the database holds.

The promise (delivery.md): an acknowledged message is stored exactly once, and every device applies each conversation's
events exactly once, in one order that all agree on.
"""

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum

import sqlalchemy as sa

from tests.faults.journal import (
    Acknowledged,
    AnyRecord,
    Applied,
    Based,
    Begun,
    Fetched,
    Refused,
    Skipped,
    Troubled,
    digest_of,
)


class Kind(Enum):
    """How the promise can be broken."""

    LOST = "lost"
    DOUBLED = "doubled"
    REORDERED = "out of order"
    HOLE = "hole"
    DIVERGED = "diverged"
    OUTSIDE = "outside membership"
    BEHIND = "behind"
    TROUBLE = "trouble"


@dataclass(frozen=True)
class Violation:
    """One breach, in words."""

    kind: Kind
    text: str

    def __str__(self) -> str:
        return f"{self.kind.value}: {self.text}"


@dataclass(frozen=True)
class StoredMessage:
    """A row of `messages`."""

    id: int
    conversation_id: int
    seq: int
    sender: str
    key: str | None
    digest: str


@dataclass(frozen=True)
class StoredEvent:
    """A row of `conversation_events`."""

    conversation_id: int
    seq: int
    kind: str
    message_id: int | None
    about: str | None


@dataclass
class Stored:
    """What the database holds."""

    messages: list[StoredMessage] = field(default_factory=list)
    events: list[StoredEvent] = field(default_factory=list)
    heads: dict[int, int] = field(default_factory=dict)
    members: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))

    @property
    def log(self) -> dict[tuple[int, int], StoredMessage | StoredEvent]:
        """Everything by conversation and seq."""
        rows: list[StoredMessage | StoredEvent] = [*self.messages, *self.events]
        return {(row.conversation_id, row.seq): row for row in rows}


def load_stored(url: str) -> Stored:
    """Reads a database, by itself: nothing of the server's own reading is trusted."""
    stored = Stored()
    engine = sa.create_engine(url.replace("mysql://", "mysql+pymysql://"))
    try:
        with engine.connect() as connection:
            for cid, last_seq in connection.exec_driver_sql("SELECT id, last_seq FROM conversations"):
                stored.heads[cid] = last_seq
            rows = connection.exec_driver_sql(
                "SELECT id, conversation_id, seq, sender_type, sender_id, idempotency_key, content FROM messages"
            )
            for number, cid, seq, kind, who, key, content in rows:
                sender, text = f"{kind}_{who}", None if key is None else bytes(key).decode()
                stored.messages.append(StoredMessage(number, cid, seq, sender, text, digest_of(content)))
            rows = connection.exec_driver_sql(
                "SELECT conversation_id, seq, kind, message_id, data FROM conversation_events"
            )
            for cid, seq, kind, message_id, more in rows:
                about = json.loads(more).get("user_id") if kind.startswith("participant_") else None
                stored.events.append(StoredEvent(cid, seq, kind, message_id, about))
            rows = connection.exec_driver_sql(
                "SELECT conversation_id, participant_type, participant_id FROM conversation_participants"
                " WHERE left_seq IS NULL"
            )
            for cid, kind, who in rows:
                stored.members[cid].add(f"{kind}_{who}")
    finally:
        engine.dispose()
    return stored


def check(records: Iterable[AnyRecord], stored: Stored) -> list[Violation]:
    """Every breach there is. The faults must be over, and the devices must have been given time to catch up."""
    history = list(records)
    found = [*_check_sends(history, stored), *_check_order(history), *_check_log(stored)]
    return [*found, *_Devices(stored).check(history)]


# What was sent


def _check_sends(history: Sequence[AnyRecord], stored: Stored) -> Iterator[Violation]:
    rows: dict[str, list[StoredMessage]] = defaultdict(list)
    for message in stored.messages:
        if message.key is not None:
            rows[message.key].append(message)
    begun = {record.key: record for record in history if isinstance(record, Begun)}
    for key, found in rows.items():
        if len(found) > 1:
            yield Violation(Kind.DOUBLED, f"{key} is stored as {[row.id for row in found]}")
        if key not in begun:
            yield Violation(Kind.TROUBLE, f"{key} is stored and nobody sent it")
        elif found[0].sender != begun[key].user_id:
            yield Violation(Kind.TROUBLE, f"{key} is stored for {found[0].sender}")
    for record in history:
        if isinstance(record, Acknowledged):
            place = (record.message_id, record.conversation_id, record.seq)
            found = rows.get(record.key, [])
            if not found:
                yield Violation(Kind.LOST, f"{record.key} was acknowledged as {place} and is not stored")
            elif place not in [(row.id, row.conversation_id, row.seq) for row in found]:
                yield Violation(Kind.DOUBLED, f"{record.key} was acknowledged as {place}, stored as {found}")


def _check_order(history: Sequence[AnyRecord]) -> Iterator[Violation]:
    """What was acknowledged before something else was begun comes before it; and each device's sends keep their order.

    The latter not around a refusal: what was under way when it was told may have got through.
    """
    begun: dict[str, Begun] = {}
    refused: set[str] = set()
    highest: dict[int, tuple[int, str]] = {}
    floor: dict[str, tuple[int, str]] = {}
    first: dict[str, Acknowledged] = {}
    by_device: dict[tuple[str, int], list[str]] = defaultdict(list)
    for record in history:
        cid = record.conversation_id
        if isinstance(record, Begun):
            begun[record.key] = record
            by_device[record.device, cid].append(record.key)
            if cid in highest:
                floor[record.key] = highest[cid]
        elif isinstance(record, Refused):
            refused.add(record.key)
        elif isinstance(record, Acknowledged):
            first.setdefault(record.key, record)
            below, other = floor.get(record.key, (0, ""))
            if record.seq <= below:
                yield Violation(
                    Kind.REORDERED,
                    f"{record.key} has seq {record.seq}, begun after {other} was acknowledged as {below}",
                )
            highest[cid] = max(highest.get(cid, (0, "")), (record.seq, record.key))
    for keys in by_device.values():
        last = (0, "")
        for key in keys:
            if key in first and key not in refused:
                if first[key].seq <= last[0]:
                    yield Violation(
                        Kind.REORDERED, f"{key} has seq {first[key].seq}, sent after {last[1]} with {last[0]}"
                    )
                last = max(last, (first[key].seq, key))


def _check_log(stored: Stored) -> Iterator[Violation]:
    seqs: dict[int, list[int]] = defaultdict(list)
    rows: list[StoredMessage | StoredEvent] = [*stored.messages, *stored.events]
    for row in rows:
        seqs[row.conversation_id].append(row.seq)
    for cid in seqs.keys() | stored.heads.keys():
        have, head = sorted(seqs[cid]), stored.heads.get(cid, 0)
        if len(set(have)) != len(have):
            yield Violation(Kind.DOUBLED, f"conversation {cid} has a seq twice")
        if set(have) != set(range(1, head + 1)):
            missing, beyond = set(range(1, head + 1)) - set(have), [seq for seq in have if seq > head]
            yield Violation(Kind.HOLE, f"conversation {cid} with head {head} lacks {missing} and has {beyond}")


# What was delivered


class _Devices:
    """Follows each device through each conversation."""

    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        self._log = stored.log
        self._cursors: dict[tuple[str, int], int] = {}
        self._people: dict[str, str] = {}
        self._contents: dict[tuple[str, int], dict[int, str | None]] = defaultdict(dict)
        self._memberships = _memberships(stored)

    def check(self, history: Sequence[AnyRecord]) -> Iterator[Violation]:
        for record in history:
            self._people[record.device] = record.user_id
            match record:
                case Based():
                    yield from self._based(record)
                case Skipped():
                    yield from self._skipped(record)
                case Applied():
                    yield from self._applied(record)
                case Fetched():
                    yield from self._fetched(record)
                case Troubled():
                    yield Violation(Kind.TROUBLE, f"{record.device} was told: {record.what}")
                case _:
                    pass
        yield from self._ends()

    def _based(self, record: Based) -> Iterator[Violation]:
        place = record.device, record.conversation_id
        if record.seq < self._cursors.get(place, 0):
            yield Violation(Kind.LOST, f"{place} had {self._cursors[place]}, and the server's head is {record.seq}")
        self._cursors[place] = record.seq
        self._contents.pop(place, None)  # it may have changed since

    def _skipped(self, record: Skipped) -> Iterator[Violation]:
        """A replay shows what the latest membership covers, so only what lies before its beginning may be left out.

        Who is there when it is taken in again has heard before that it was out: nothing may be left out then.
        """
        place = record.device, record.conversation_id
        spans = self._memberships.get((record.conversation_id, record.user_id), [])
        is_replay = record.why != "conversation_created"
        begins = [joined for joined, _ in spans if joined <= record.to and is_replay]
        missed = [
            seq
            for seq in range(record.after + 1, record.to + 1)
            if any(joined < seq <= left for joined, left in spans) and not any(seq <= begin for begin in begins)
        ]
        if missed:
            yield Violation(Kind.HOLE, f"{place} was not sent {missed} ({record.why}, {record.after} to {record.to})")
        self._cursors[place] = record.to
        self._contents.pop(place, None)  # what changed meanwhile was not for this device

    def _applied(self, record: Applied) -> Iterator[Violation]:
        place, seq = (record.device, record.conversation_id), record.seq
        what = f"{place} applied seq {seq} ({record.kind})"
        before = self._cursors.get(place)
        if before is None:
            yield Violation(Kind.OUTSIDE, f"{what} in a conversation that it is not in")
        elif seq <= before:
            yield Violation(Kind.DOUBLED, f"{what} after {before}")
        elif seq > before + 1:
            yield Violation(Kind.HOLE, f"{what} after {before}")
        spans = self._memberships.get((record.conversation_id, record.user_id), [])
        if not any(joined < seq <= left for joined, left in spans):
            yield Violation(Kind.OUTSIDE, f"{what}, covered by none of {spans}")
        row = self._log.get((record.conversation_id, seq))
        if row is None:
            yield Violation(Kind.LOST, f"{what}, which is not stored")
        elif _identity(record) != _stored_identity(row):
            yield Violation(Kind.DIVERGED, f"{what}: {_identity(record)}, stored is {_stored_identity(row)}")
        if record.message_id is not None:
            self._contents[place][record.message_id] = record.digest
        if record.kind == "participant_left" and record.about == record.user_id:
            self._cursors.pop(place, None)
            self._contents.pop(place, None)
        else:
            self._cursors[place] = max(seq, before or 0)

    def _fetched(self, record: Fetched) -> Iterator[Violation]:
        row = self._log.get((record.conversation_id, record.seq))
        if not isinstance(row, StoredMessage) or row.id != record.message_id:
            yield Violation(Kind.DIVERGED, f"{record.device} fetched {record.message_id} as seq {record.seq}: {row}")

    def _ends(self) -> Iterator[Violation]:
        for (device, cid), cursor in self._cursors.items():
            head = self._stored.heads.get(cid, 0)
            if self._people[device] not in self._stored.members[cid]:
                yield Violation(Kind.BEHIND, f"{device} never heard that it left conversation {cid}; it is at {cursor}")
            elif cursor != head:
                yield Violation(Kind.BEHIND, f"{device} is at {cursor} of {head} in conversation {cid}")
        for cid, members in self._stored.members.items():
            for device, user_id in self._people.items():
                if user_id in members and (device, cid) not in self._cursors:
                    yield Violation(Kind.BEHIND, f"{device} never heard of conversation {cid}")
        digests = {message.id: message.digest for message in self._stored.messages}
        for (device, _), contents in self._contents.items():
            for message_id, digest in contents.items():
                if digest != digests.get(message_id):
                    yield Violation(Kind.DIVERGED, f"{device} shows another content of message {message_id}")


def _identity(record: Applied) -> tuple[object, ...]:
    return record.kind, record.message_id, record.key, record.about


def _stored_identity(row: StoredMessage | StoredEvent) -> tuple[object, ...]:
    if isinstance(row, StoredMessage):
        return "new_message", row.id, row.key, None
    return row.kind, row.message_id, None, row.about


def _memberships(stored: Stored) -> dict[tuple[int, str], list[tuple[int, float]]]:
    """For each participant of each conversation the spans (joined_seq, left_seq] that the log tells of."""
    spans: dict[tuple[int, str], list[tuple[int, float]]] = defaultdict(list)
    for event in sorted(stored.events, key=lambda event: (event.conversation_id, event.seq)):
        if event.about is None:
            continue
        mine = spans[event.conversation_id, event.about]
        if event.kind == "participant_joined":
            mine.append((event.seq, math.inf))
        else:
            mine[-1:] = [(mine[-1][0] if mine else 0, event.seq)]
    for cid, members in stored.members.items():
        for user_id in members:
            if not spans[cid, user_id]:
                spans[cid, user_id].append((0, math.inf))
    return spans
