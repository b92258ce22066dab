"""What a page of history costs, by how long the conversation is."""

import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

from bihak.core.context import Query
from bihak.core.identity import Actor
from bihak.features.messages import History, Messages
from bihak.protocol.types import Participant
from bihak.storage.dialect import Database
from bihak.storage.schema import conversation_participants, conversations, messages

LENGTHS = (1_000, 100_000, 1_000_000)
QUICK_LENGTHS = (1_000, 10_000)
PAGES = 200
ROUNDS = 5
CHUNK = 10_000
Costs = dict[int, dict[str, float]]
READER = Participant("user", 900_001)


def page_costs(database: Database, lengths: Sequence[int]) -> Costs:
    """Microseconds a page of 50, by length: the latest page, and one in the middle. Medians of interleaved rounds."""
    _fill(database, lengths)
    found: dict[int, dict[str, list[float]]] = {length: {"latest": [], "middle": []} for length in lengths}
    feature = Messages()
    with database.reader_engine.connect() as connection:
        query = Query(connection, database.dialect, Actor(READER, "Aline"))
        for _ in range(ROUNDS):
            for length, costs in found.items():
                middle = _message_id(length, length // 2)
                for name, before in (("latest", None), ("middle", middle)):
                    request = History(conversation_id=length, before=before)
                    feature.history(query, request)
                    started = time.perf_counter()
                    for _ in range(PAGES):
                        page = feature.history(query, request)
                    costs[name].append((time.perf_counter() - started) / PAGES * 1e6)
                    assert len(page.messages) == 50
    return {
        length: {name: statistics.median(values) for name, values in costs.items()} for length, costs in found.items()
    }


def growth(costs: Costs) -> dict[str, float]:
    """The longest conversation's cost over the shortest one's, by page."""
    shortest, longest = costs[min(costs)], costs[max(costs)]
    return {page: longest[page] / shortest[page] for page in shortest}


def as_json(found: Mapping[str, Costs]) -> dict[str, Any]:
    """`found` by database."""
    ratios = {f"{name}, {page}": ratio for name, costs in found.items() for page, ratio in growth(costs).items()}
    return {"what": "a page of 50 messages, microseconds", "costs": found, "growth": ratios}


def _fill(database: Database, lengths: Sequence[int]) -> None:
    """One conversation of each length; its id is its length."""
    for length in lengths:
        with database.writer_engine.begin() as connection:
            connection.execute(
                conversations.insert().values(id=length, conversation_type="team", last_seq=length, created_ms=1)
            )
            connection.execute(
                conversation_participants.insert().values(
                    conversation_id=length, participant_type=READER.type, participant_id=READER.id, joined_ms=1
                )
            )
        for start in range(1, length + 1, CHUNK):
            with database.writer_engine.begin() as connection:
                connection.execute(
                    messages.insert(), [_row(length, seq) for seq in range(start, start + CHUNK)][:length]
                )


def _message_id(length: int, seq: int) -> int:
    return length * 10_000_000 + seq


def _row(length: int, seq: int) -> dict[str, Any]:
    return {
        "id": _message_id(length, seq),
        "conversation_id": length,
        "seq": seq,
        "sender_type": "user",
        "sender_id": 900_001,
        "content": f"Message number {seq} of a long conversation.",
        "created_ms": seq,
    }
