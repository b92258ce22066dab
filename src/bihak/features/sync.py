"""Signing in, resuming, and staying in step: `auth`, `subscribe_conversation`, `ping` and the heartbeat."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import sqlalchemy as sa
import structlog

from bihak.cluster.envelope import Envelope
from bihak.core.deadlines import Deadlines
from bihak.core.feature import Feature, later, live, task
from bihak.core.log import RESUME_LIMIT
from bihak.core.node import Node
from bihak.core.session import Session
from bihak.core.visit import Visit
from bihak.errors import CloseCode, Disconnect, NotFound, TokenExpired, Unavailable
from bihak.features.arriving import Arrivals, Auth, AuthSuccess, Resumed
from bihak.features.conversations import Conversations, created_event
from bihak.features.participants import among
from bihak.features.places import ConversationHead
from bihak.features.typing import Typing
from bihak.protocol.envelope import Reply, Request, encode
from bihak.protocol.frames import text_frame
from bihak.protocol.types import ConversationId, Participant, Seq
from bihak.storage.schema import conversation_participants
from bihak.tasks import beat

log = structlog.stdlib.get_logger("bihak")

TOKEN_GRACE_S = 30.0
"""How long a connection whose token has expired may still refresh it."""


class Subscribe(Request, tag="subscribe_conversation", kw_only=True):
    """Asks for a conversation's events; with `after_seq`, for those that were missed as well."""

    conversation_id: ConversationId
    after_seq: Seq | None = None


class Ping(Request, tag="ping", kw_only=True):
    """Is the server there?"""


class Subscribed(Reply, tag="subscribed", kw_only=True):
    conversation_id: int
    last_seq: int


class Pong(Reply, tag="pong", kw_only=True):
    """`heads`: the conversations in which something happened since the last pong."""

    heads: list[ConversationHead] | None = None


class Sync(Feature):
    """Puts a session into its rooms without a hole, and lets it check that there is none."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._arrivals = Arrivals(node, self._note_expiry)
        self._heard: dict[Session, dict[int, int]] = {}
        self._expiries: Deadlines[Session] = Deadlines()
        """When each session's token expires, and then when it has been so for too long."""

    # auth

    @later(Auth, reply=AuthSuccess, needs_auth=False)
    def auth(self, visit: Visit) -> None:
        assert isinstance(visit.request, Auth)
        self._arrivals.receive(visit, visit.request)

    async def enter_unannounced(self, conversation_ids: Sequence[int]) -> None:
        """Takes sessions into conversations whose `conversation_created` was lost on its way to this node."""
        people = list(map(Participant.parse, self._node.hub.participants))
        p = conversation_participants.c
        new = await self._node.readers.run(
            lambda connection: connection.execute(
                sa.select(p.conversation_id, p.participant_type, p.participant_id).where(
                    p.conversation_id.in_(conversation_ids),
                    p.left_seq.is_(None),
                    among(p.participant_type, p.participant_id, people),
                )
            ).all()
        )
        for conversation_id, *place in new:
            who = Participant(*place)
            for conversation in await self._node.readers.run(
                partial(self._node.feature(Conversations).load, viewer=who, ids=[conversation_id])
            ):
                joins = (conversation_id, conversation.last_seq)
                self._node.hub.announce(who.user_id, Envelope(encode(created_event(conversation)), joins=joins))

    # subscribe_conversation

    @task(Subscribe)
    async def subscribe(self, session: Session, request: Subscribe) -> Subscribed | None:
        """Also mends a session that is not in a room it should be in, or in one that it should have left."""
        assert session.actor is not None
        hub, cid, who = self._node.hub, request.conversation_id, session.actor.participant
        await hub.catching_up.settled(session, cid)
        was_in = cid in session.conversations
        rejoin = request.after_seq is not None or not was_in
        if rejoin:
            hub.join(session, cid)
        try:
            return await self._catch_up(session, request, who, was_in=was_in)
        except Unavailable as error:
            # What was held for the session while it read is lost to it; a new connection resumes.
            if rejoin:
                raise Disconnect(CloseCode.TRY_AGAIN_LATER, error.message, error) from error
            raise

    async def _catch_up(
        self, session: Session, request: Subscribe, who: Participant, *, was_in: bool
    ) -> Subscribed | None:
        hub, cid = self._node.hub, request.conversation_id
        (place,) = await self._node.read_coverage(who, [cid])
        if place is None or not place.is_current:
            if place is None or not was_in:
                hub.leave(session, cid)
            elif request.after_seq is not None:
                # That they are out is on its way here; they hear of it, and of what was before.
                after = max(request.after_seq, place.joined_seq, place.end_seq - RESUME_LIMIT)
                await hub.catching_up.send(session, {cid: after})
            raise NotFound("There is no such conversation, or you are not in it.")
        reply = Subscribed(conversation_id=cid, last_seq=place.end_seq, request_id=request.request_id)
        if was_in and request.after_seq is None:
            session.send_body(encode(reply))
            await self._node.feature(Typing).tell_current(session, cid)
            return None
        session.send_body(encode(reply))
        after = max(place.end_seq if request.after_seq is None else request.after_seq, place.joined_seq)
        resync = after > place.end_seq or place.end_seq - after > RESUME_LIMIT
        if resync:
            after = place.end_seq
        await hub.catching_up.send(session, {cid: after})
        if request.after_seq is not None:
            head = ConversationHead(conversation_id=cid, last_seq=place.end_seq, resync=resync)
            session.send_body(encode(Resumed(conversations=[head])))
        await self._node.feature(Typing).tell_current(session, cid)
        return None

    # ping and heartbeat

    @live(Ping, needs_auth=False, is_activity=False)
    def ping(self, session: Session, request: Ping) -> Pong:
        return self._pong(session)

    def _pong(self, session: Session) -> Pong:
        """The heads that moved since this session was last told."""
        if session.actor is None:
            return Pong()
        heard = self._heard.setdefault(session, {})
        heads = []
        for cid in session.conversations:
            head = self._node.hub.rooms[cid].head
            if head is not None and heard.get(cid) != head:
                heard[cid] = head
                heads.append(ConversationHead(conversation_id=cid, last_seq=head))
        return Pong(heads=heads or None)

    def session_opened(self, session: Session) -> None:
        self._note_expiry(session)

    def _note_expiry(self, session: Session) -> None:
        self._expiries.drop(session)
        if session.expires_at is not None:
            self._expiries.set(session, session.expires_at)

    def session_closed(self, session: Session) -> None:
        self._heard.pop(session, None)
        self._expiries.drop(session)

    def background(self) -> Sequence[Callable[[], Awaitable[None]]]:
        self._node.sweep.on_unknown = self.enter_unannounced
        return (self._heartbeat, self._expire_tokens)

    async def _heartbeat(self) -> None:
        """Tells each session the heads that moved, so that a client finds out what it missed without asking."""
        while True:
            await asyncio.sleep(self._node.options.heartbeat_s)
            for at, session in enumerate([s for s in self._node.sessions if s.actor is not None]):
                if session.closed or session.personal is not None:
                    continue
                pong = self._pong(session)
                if pong.heads is not None:
                    session.offer(text_frame(encode(pong)))
                if at % 200 == 199:
                    await asyncio.sleep(0)  # a turn for the others

    async def _expire_tokens(self) -> None:
        while True:
            await beat(self._node.options.periods_s["sessions"])
            now = self._node.wall_clock()
            removed = 0
            for session in self._expiries.take(now):
                assert session.expires_at is not None
                ends_at = session.expires_at + TOKEN_GRACE_S
                if now >= ends_at:
                    session.close(CloseCode.TOKEN, "token_expired")
                    removed += 1
                else:
                    self._expiries.set(session, ends_at)
                    self._node.dispatcher.refuse(session, TokenExpired())
            (log.info if removed else log.debug)("cleanup", task="sessions", removed=removed)
