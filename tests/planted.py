"""Bugs to plant in the real code, each with the test that must notice it.

`python -m tests.planted` runs these tests on SQLite, each with its bug planted, and prints their outcomes as JSON.
"""

import contextlib
import io
import json
import sys
from collections.abc import Callable, Generator, Sequence
from typing import Any

import pytest

from bihak.cluster.envelope import Envelope
from bihak.core.batch import WriteBatch
from bihak.core.dispatcher import Dispatcher
from bihak.core.hub import Hub
from bihak.core.locking import LockedConversation, Membership
from bihak.core.room import Room
from bihak.core.transaction import Transaction
from bihak.features.conversations import ParticipantLeft
from bihak.features.messages import sending
from bihak.protocol.types import Participant

Plant = Callable[[pytest.MonkeyPatch], None]


def drop_a_publish(patch: pytest.MonkeyPatch) -> None:
    """Replies, and forgets to publish."""

    def answer_only(self: Dispatcher, batch: WriteBatch) -> None:
        for call in batch.calls:
            call.recorded.clear()
            call.answer()

    patch.setattr(Dispatcher, "_publish_and_answer", answer_only)


def skip_the_key_check(patch: pytest.MonkeyPatch) -> None:
    """Stores every message as if it had no idempotency key."""
    draft = sending._Draft.__init__

    def without_key(self: Any, *arguments: Any) -> None:
        draft(self, *arguments)
        self.key = self.digest = None

    patch.setattr(sending._Draft, "__init__", without_key)


def reply_before_commit(patch: pytest.MonkeyPatch) -> None:
    """Answers as soon as the statements have run."""
    run, done = WriteBatch.run, Dispatcher._batch_done
    dispatchers: list[Dispatcher] = []
    start = Dispatcher.start

    def remember(self: Dispatcher) -> None:
        dispatchers.append(self)
        start(self)

    def run_and_answer(self: WriteBatch, connection: Any) -> None:
        run(self, connection)
        for dispatcher in dispatchers:
            if any(committer._connection is connection for committer in dispatcher.writer._committers):
                done(dispatcher, self)

    patch.setattr(Dispatcher, "start", remember)
    patch.setattr(WriteBatch, "run", run_and_answer)
    patch.setattr(Dispatcher, "_batch_done", lambda _self, _batch: None)


def last_write_wins_cursor(patch: pytest.MonkeyPatch) -> None:
    """Moves a read cursor wherever it is asked to."""
    require = Transaction.require_place

    def from_the_start(self: Transaction, conversation_id: int) -> tuple[LockedConversation, Membership]:
        conversation, membership = require(self, conversation_id)
        return conversation, membership._replace(last_read_seq=0)

    patch.setattr(Transaction, "require_place", from_the_start)


def no_membership_check(patch: pytest.MonkeyPatch) -> None:
    """Takes everybody for a member of everything."""
    find = Transaction.find_place

    def let_in(self: Transaction, conversation_id: int, who: Participant) -> Any:
        place = find(self, conversation_id, who)
        if place is None and conversation_id in self.conversations:
            return self.conversations[conversation_id], Membership("member", 0, 0)
        return place

    patch.setattr(Transaction, "find_place", let_in)


def deliver_out_of_order(patch: pytest.MonkeyPatch) -> None:
    """Delivers whatever comes, as it comes."""

    def at_once(self: Hub, room: Room, envelopes: Sequence[Envelope]) -> None:
        for envelope in envelopes:
            self._fan_out(room, envelope.seq - 1, [envelope])
            room.head = max(room.head or 0, envelope.seq)

    patch.setattr(Hub, "_deliver", at_once)


def hear_after_leaving(patch: pytest.MonkeyPatch) -> None:
    """Forgets to take those who left out of the room."""
    patch.setattr(ParticipantLeft, "left", lambda _self: ())


FEATURES = "tests/features"
REMOVED = "test_a_participant_removed_at_seq_k_receives_nothing_after_k"
PLANTS: dict[Plant, str] = {
    drop_a_publish: f"{FEATURES}/test_messages.py::test_a_message_comes_to_every_device_on_every_node",
    skip_the_key_check: f"{FEATURES}/test_idempotency.py::test_a_repeat_gets_the_first_reply",
    reply_before_commit: f"{FEATURES}/test_pipeline.py::test_nobody_hears_of_what_is_not_committed",
    last_write_wins_cursor: f"{FEATURES}/test_receipts.py::test_the_cursor_never_goes_back",
    no_membership_check: f"{FEATURES}/test_membership.py::test_what_is_not_ones_own_looks_like_what_does_not_exist",
    deliver_out_of_order: f"{FEATURES}/test_faults.py::test_repeated_and_reordered_publishes_are_heard_once_in_order",
    hear_after_leaving: f"{FEATURES}/test_conversations.py::{REMOVED}",
}
"""Each bug, and the test that must notice it."""


class Planter:
    """A pytest plugin: plants each test's own bug while it runs, and notes which tests failed."""

    def __init__(self) -> None:
        self.outcomes: dict[str, dict[str, str]] = {plant.__name__: {} for plant in PLANTS}
        """For each plant what became of its tests."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        with pytest.MonkeyPatch.context() as patch:
            plant_of(item.nodeid)(patch)
            return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            self.outcomes[plant_of(report.nodeid).__name__][report.nodeid] = report.outcome


def plant_of(nodeid: str) -> Plant:
    """The bug that a test must notice."""
    return next(plant for plant, test in PLANTS.items() if nodeid.startswith(test))


def main() -> None:
    planter = Planter()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        pytest.main([*PLANTS.values(), "-k", "sqlite", "-q", "-p", "no:cacheprovider"], plugins=[planter])
    json.dump(planter.outcomes, sys.stdout)


if __name__ == "__main__":
    main()
