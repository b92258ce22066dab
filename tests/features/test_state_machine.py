"""Anything that people, networks and nodes may do, in any order: what was promised of delivery holds all the same."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from tests.harness import Cluster, Device, Frame, Place

T = TypeVar("T")

OWNER = "user_1"
OTHERS = ("user_2", "user_3", "user_4")
SLOTS = (OWNER, "user_2", "user_3", "user_4", "user_2")
"""Whose each device is; user_2 has two."""
KEYS = [f"key-{number:04}" for number in range(4)]

EVERYTHING = settings(
    max_examples=12,
    stateful_step_count=30,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)

slots = st.integers(0, len(SLOTS) - 1)
nodes = st.integers(0, 1)


@dataclass
class Client:
    """One device's owner's software: it remembers how far it is, over all its connections."""

    user_id: str
    cursor: int | None = None
    """None: not in the conversation, as far as it was told."""
    device: Device | None = None
    seen: int = 0
    """Frames of this connection that it has looked at."""
    resumes: bool = False
    """Whether `resumed` is still to come: what is left out before it was not theirs to see."""
    taken_in: list[int] = field(default_factory=list)
    """Up to which seqs something was left out so."""
    applied: dict[int, tuple[str, Any]] = field(default_factory=dict)
    """What it has applied: seq -> type and message."""
    pending: dict[str, Frame] = field(default_factory=dict)
    """Requests of this connection, by request_id."""


class Delivery(RuleBasedStateMachine):
    """One conversation, two nodes, five devices of four people."""

    place: Place

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clients = [Client(user_id) for user_id in SLOTS]
        self.acknowledged: dict[tuple[str, str], Frame] = {}
        self.unkeyed = 0
        self.message_ids: list[int] = []
        self.number = 0

    def run(self, work: Awaitable[T]) -> T:
        return self.loop.run_until_complete(work)

    @initialize(seed=st.integers(0, 1000))
    def begin(self, seed: int) -> None:
        self.run(self._begin(seed))

    async def _begin(self, seed: int) -> None:
        self.place.wipe()
        self.cluster = Cluster(self.place.handles(2))
        await self.cluster.start()
        for at, plane in enumerate(self.cluster.planes):
            plane._random.seed(seed * 2 + at)
        for slot, client in enumerate(self.clients):
            client.device = await self.cluster.connect(client.user_id, slot % 2)
        owner = self.clients[0].device
        assert owner is not None
        self.cid = await self.cluster.found(owner, *OTHERS[:2])
        self._listen()

    # What people do

    @rule(
        slot=slots, key=st.sampled_from([None, *KEYS]), text=st.sampled_from(["one", "two 👍"]), count=st.integers(1, 4)
    )
    def send(self, slot: int, key: str | None, text: str, count: int) -> None:
        for _ in range(count):
            fields = {"idempotency_key": key} if key else {}
            self._ask(slot, "message", conversation_id=self.cid, content=text, **fields)

    @rule(slot=slots, which=st.integers(0, 50), verb=st.sampled_from(["edit_message", "delete_message"]))
    def change(self, slot: int, which: int, verb: str) -> None:
        if not self.message_ids:
            return
        self.number += 1
        extra = {"content": f"edit {self.number}"} if verb == "edit_message" else {}
        self._ask(slot, verb, message_id=self.message_ids[which % len(self.message_ids)], **extra)

    @rule(user_id=st.sampled_from(OTHERS))
    def add(self, user_id: str) -> None:
        self._ask(0, "add_participants", conversation_id=self.cid, participants=[user_id])

    @rule(user_id=st.sampled_from(OTHERS))
    def remove(self, user_id: str) -> None:
        self._ask(0, "remove_participant", conversation_id=self.cid, user_id=user_id)

    @rule(slot=st.integers(1, len(SLOTS) - 1))
    def leave(self, slot: int) -> None:
        self._ask(slot, "leave_conversation", conversation_id=self.cid)

    # What networks do

    @rule(slot=slots)
    def drop_connection(self, slot: int) -> None:
        self.run(self._drop(self.clients[slot]))

    async def _drop(self, client: Client) -> None:
        if client.device is not None:
            self._listen()
            client.device.drop()
            client.device, client.seen, client.resumes = None, 0, False
            client.pending.clear()  # whatever became of them

    @rule(slot=slots, node=nodes)
    def reconnect(self, slot: int, node: int) -> None:
        self.run(self._reconnect(self.clients[slot], node))

    async def _reconnect(self, client: Client, node: int) -> None:
        await self._drop(client)
        client.device, client.resumes = self.cluster.open(client.user_id, node), True
        resume = {str(self.cid): client.cursor} if client.cursor is not None else {}
        client.device.send(
            "auth", participant_type="user", participant_id=int(client.user_id[5:]), resume=resume, request_id="auth"
        )

    @rule(
        node=nodes,
        drop=st.sampled_from([0.0, 0.3, 1.0]),
        repeat=st.sampled_from([0.0, 0.3]),
        delay=st.sampled_from([0.0, 0.3]),
    )
    def misbehave(self, node: int, drop: float, repeat: float, delay: float) -> None:
        self.cluster.planes[node].misbehave(drop=drop, repeat=repeat, delay=delay)

    @rule(node=nodes)
    def deliver_what_was_delayed(self, node: int) -> None:
        async def release() -> None:
            self.cluster.planes[node].release()

        self.run(release())

    # What time does

    @rule(seconds=st.sampled_from([0.0, 0.1, 1.0, 5.0]))
    def pass_time(self, seconds: float) -> None:
        self.run(self.cluster.clock.advance(seconds))

    @rule()
    def settle(self) -> None:
        self.run(self.cluster.settle())
        self._listen()

    # What must be so

    def teardown(self) -> None:
        try:
            if hasattr(self, "cid"):
                self.run(self._end())
        finally:
            self.loop.close()

    async def _end(self) -> None:
        try:
            for plane in self.cluster.planes:
                plane.behave()
            for _ in range(3):
                await self.cluster.sweep()
            self._listen()
            await self._check()
        finally:
            await self.cluster.stop()

    def _ask(self, slot: int, verb: str, **fields: Any) -> None:
        client = self.clients[slot]
        if client.device is None or not client.device.is_open:
            return

        async def send() -> None:
            assert client.device is not None
            request_id = client.device.send(verb, **fields)
            client.pending[request_id] = {"type": verb, **fields}

        self.run(send())

    def _listen(self) -> None:
        for client in self.clients:
            if client.device is not None:
                frames = client.device.frames[client.seen :]
                client.seen += len(frames)
                for frame in frames:
                    self._hear(client, frame)

    def _hear(self, client: Client, frame: Frame) -> None:
        """A client's own rules; the server has broken its word where one fails."""
        kind = frame["type"]
        if kind == "resumed":
            client.resumes = False
            for head in frame["conversations"]:
                if head.get("resync"):
                    client.cursor = head["last_seq"]
        elif kind == "conversation_created":
            client.cursor = frame["seq"]
        elif "request_id" in frame:
            self._answered(client, client.pending.pop(frame["request_id"], None), frame)
        elif "seq" in frame:
            assert client.cursor is not None, f"{client.user_id} is not in it and hears {frame}"
            if frame["seq"] != client.cursor + 1:
                is_later = client.resumes and frame["seq"] > client.cursor
                assert is_later, f"{client.user_id} has {client.cursor} and hears {frame}"
                client.taken_in.append(frame["seq"] - 1)
            what = (kind, frame.get("message_id", frame.get("user_id")))
            assert client.applied.setdefault(frame["seq"], what) == what
            client.cursor = frame["seq"]
            if kind == "participant_left" and frame["user_id"] == client.user_id:
                client.cursor = None

    def _answered(self, client: Client, asked: Frame | None, answer: Frame) -> None:
        if asked is None or asked["type"] != "message":
            return
        if answer["type"] == "error":
            assert answer["code"] in ("not_found", "conflict"), answer
            return
        self.message_ids.append(answer["message_id"])
        if "idempotency_key" not in asked:
            assert not answer["duplicate"]
            self.unkeyed += 1
            return
        name = (client.user_id, asked["idempotency_key"])
        facts = {fact: answer[fact] for fact in ("message_id", "seq", "created_at")} | {"content": asked["content"]}
        first = self.acknowledged.setdefault(name, facts)
        assert first["message_id"] == facts["message_id"], f"{name} was stored twice"
        assert first["seq"] == facts["seq"]

    async def _check(self) -> None:
        stored = await self.cluster.stored(
            "SELECT seq, 'new_message' AS kind, id FROM messages WHERE conversation_id = :cid "
            "UNION ALL SELECT seq, kind, message_id FROM conversation_events WHERE conversation_id = :cid ORDER BY 1",
            cid=self.cid,
        )
        ((last_seq,),) = await self.cluster.stored("SELECT last_seq FROM conversations WHERE id = :cid", cid=self.cid)
        assert [seq for seq, _, _ in stored] == list(range(1, last_seq + 1)), "the log is not dense"
        log = {seq: (kind, message_id) for seq, kind, message_id in stored}
        ids = {message_id for _, kind, message_id in stored if kind == "new_message"}
        assert ids >= set(self.message_ids), "an acknowledged message is not stored"
        keys = await self.cluster.stored(
            "SELECT sender_id, idempotency_key FROM messages WHERE idempotency_key IS NOT NULL"
        )
        assert len(keys) == len(set(keys)), "a key was stored twice"
        members = {
            f"user_{number}"
            for (number,) in await self.cluster.stored(
                "SELECT participant_id FROM conversation_participants "
                "WHERE conversation_id = :cid AND left_seq IS NULL",
                cid=self.cid,
            )
        }
        for client in self.clients:
            for seq, (kind, subject) in client.applied.items():
                assert log[seq][0] == kind
                assert log[seq][1] in (None, subject)
            if client.device is not None and client.device.is_open:
                at = last_seq if client.user_id in members else None
                assert client.cursor == at, f"{client.user_id} came to {client.cursor} and should be at {at}"
        self._check_membership(
            await self.cluster.stored(
                "SELECT seq, kind, data FROM conversation_events WHERE conversation_id = :cid ORDER BY seq",
                cid=self.cid,
            )
        )

    def _check_membership(self, events: list[tuple[Any, ...]]) -> None:
        """Nobody has applied anything from outside their membership, worked out from the log."""
        for user_id in set(SLOTS):
            inside = user_id in (OWNER, *OTHERS[:2])
            changes = {
                seq: kind == "participant_joined"
                for seq, kind, data in events
                if kind in ("participant_joined", "participant_left") and f'"user_id": "{user_id}"' in data
            }
            for client in self.clients:
                if client.user_id != user_id:
                    continue
                for seq in client.taken_in:
                    assert changes.get(seq), f"{user_id} was not told what came up to seq {seq}"
                for seq in client.applied:
                    before = [is_in for at, is_in in changes.items() if at < seq]
                    assert before[-1] if before else inside, f"{user_id} was not in it at seq {seq}"


def machine_on(place: Place) -> type[Delivery]:
    return type("Delivery", (Delivery,), {"place": place})


def test_whatever_happens_everyone_ends_with_the_same_log(place: Place) -> None:
    run_state_machine_as_test(machine_on(place), settings=EVERYTHING)
