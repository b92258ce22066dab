"""Signing in, resuming, and staying in step: `auth`, `subscribe_conversation`, `ping` and the heartbeat."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Annotated, Literal

import msgspec
import sqlalchemy as sa
import structlog
from msgspec import Meta

from bihak.cluster.envelope import Envelope
from bihak.core.deadlines import Deadlines
from bihak.core.feature import Feature, live, task
from bihak.core.identity import Actor, Identity
from bihak.core.limits import Limit, network_of
from bihak.core.log import RESUME_LIMIT, LogEntry, Span
from bihak.core.node import Node
from bihak.core.session import Session
from bihak.errors import (
    AlreadyAuthenticated,
    CloseCode,
    Disconnect,
    InvalidField,
    InvalidToken,
    NotFound,
    RateLimited,
    TokenExpired,
    TooManyConnections,
    Unavailable,
)
from bihak.features.conversations import Conversations, created_event
from bihak.features.messages import MAX_CONTENT
from bihak.features.participants import Participants, among
from bihak.features.places import (
    ROWS_AT_ONCE,
    Arrival,
    ArrivalReader,
    ConversationHead,
    Found,
    Place,
    Resumption,
    read_rooms,
)
from bihak.features.typing import Typing
from bihak.protocol.envelope import Reply, Request, encode, error_reply
from bihak.protocol.frames import text_frame
from bihak.protocol.types import ConversationId, Id, Participant, ParticipantType, Seq
from bihak.storage.readers import GroupedRead
from bihak.storage.schema import conversation_participants

log = structlog.stdlib.get_logger("bihak")

MOST_GUESSED = 1000
"""Conversations that a client may say it is in; those who know more are asked for by the server."""
TOKEN_GRACE_S = 30.0
"""How long a connection whose token has expired may still refresh it."""


class Auth(Request, tag="auth", kw_only=True):
    """Says who is on this connection; again, with the same participant, to refresh the token."""

    token: str | None = None
    participant_type: ParticipantType | None = None
    participant_id: Id | None = None
    resume: Annotated[dict[ConversationId, Seq], Meta(max_length=10_000)] | None = None
    device: Annotated[str, Meta(max_length=200)] | None = None
    status: Literal["online", "away"] = "online"
    """As with `set_status`, from the first moment on."""


class Subscribe(Request, tag="subscribe_conversation", kw_only=True):
    """Asks for a conversation's events; with `after_seq`, for those that were missed as well."""

    conversation_id: ConversationId
    after_seq: Seq | None = None


class Ping(Request, tag="ping", kw_only=True):
    """Is the server there?"""


class Head(msgspec.Struct, kw_only=True):
    """Where a conversation and its reader stand."""

    conversation_id: int
    last_seq: int
    last_read_message_id: int | None
    unread: int


class ServerInfo(msgspec.Struct):
    name: str
    version: str


class Limits(msgspec.Struct):
    max_frame_bytes: int
    max_content_chars: int
    resume_events: int


class AuthSuccess(Reply, tag="auth_success", kw_only=True):
    user_id: str
    conversations: list[int]
    participant_type: str
    participant_id: int
    name: str
    heads: list[Head]
    server: ServerInfo
    limits: Limits


class Subscribed(Reply, tag="subscribed", kw_only=True):
    conversation_id: int
    last_seq: int


class Resumed(Reply, tag="resumed", kw_only=True):
    conversations: list[ConversationHead]


class Pong(Reply, tag="pong", kw_only=True):
    """`heads`: the conversations in which something happened since the last pong."""

    heads: list[ConversationHead] | None = None


class Sync(Feature):
    """Puts a session into its rooms without a hole, and lets it check that there is none."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._rooms: GroupedRead[Participant, list[int]] = GroupedRead(node.readers, read_rooms)
        reader = ArrivalReader(node.database.dialect, self._read_log)
        self._arrivals: GroupedRead[Arrival, Found] = GroupedRead(
            node.readers, reader.read, weigh=reader.weigh, most=ROWS_AT_ONCE
        )
        self._heard: dict[Session, dict[int, int]] = {}
        self._expiries: Deadlines[Session] = Deadlines()
        """When each session's token expires, and then when it has been so for too long."""

    # auth

    @task(Auth, needs_auth=False)
    async def auth(self, session: Session, request: Auth) -> AuthSuccess | None:
        identity = await self._identify(session, request)
        who = identity.participant
        if session.actor is not None:
            if session.actor.participant != who:
                raise AlreadyAuthenticated()
            found = await self._arrivals.load(Arrival(who))
            session.actor = await self._admit(session, identity, found)
            session.expires_at, session.issued_at = identity.expires_at, identity.issued_at
            self._note_expiry(session)
            return self._success(session.actor, found.current.values())
        if session not in self._node.sessions:
            return None  # lost before its turn came
        self._node.feature(Participants).require_type(who, "participant_type")
        self._check_connections(who)
        session.actor = Actor(who, who.user_id)  # until it is known what they are called, and whether they may
        session.arrives = request.status
        session.expires_at, session.issued_at = identity.expires_at, identity.issued_at
        try:
            await self._enter(session, identity, request)
        except BaseException:
            self._node.hub.detach(session)
            session.actor = session.expires_at = session.issued_at = None
            raise
        return None

    async def _identify(self, session: Session, request: Auth) -> Identity:
        trusting = self._node.authenticator.trusting
        if trusting and request.token is None and (request.participant_type is None or request.participant_id is None):
            missing = "participant_type" if request.participant_type is None else "participant_id"
            raise InvalidField("Say who you are: participant_type and participant_id.", field=missing)
        try:
            if trusting and request.participant_type is not None and request.participant_id is not None:
                identity = Identity(Participant(request.participant_type, request.participant_id))
            else:
                identity = await self._node.authenticator.verify(request.token)
        except TokenExpired as error:
            raise Disconnect(CloseCode.TOKEN, error.code, error) from error
        except InvalidToken as error:
            raise self._refusal(session, error) from error
        return identity

    async def _admit(self, session: Session, identity: Identity, found: Found) -> Actor:
        try:
            return await self._node.feature(Participants).admit_known(identity, found.profile)
        except InvalidToken as error:  # a good one, but it was revoked
            raise self._refusal(session, error) from error

    def _refusal(self, session: Session, error: InvalidToken) -> Disconnect:
        """How a connection ends whose token is refused, which counts against the network it comes from.

        A good token is always taken, so nobody is kept out by what others try, in their name or from their address.
        """
        try:
            self._node.limits.require(Limit.AUTH, network_of(session.address))
        except RateLimited as limited:
            return Disconnect(CloseCode.TRY_AGAIN_LATER, limited.code, limited)
        return Disconnect(CloseCode.TOKEN, error.code, error)

    def _check_connections(self, who: Participant) -> None:
        most = self._node.options.max_per_participant
        if most and len(self._node.hub.participants.get(who.user_id, ())) >= most:
            raise Disconnect(CloseCode.TOO_MANY_CONNECTIONS, "too many connections", TooManyConnections())

    async def _enter(self, session: Session, identity: Identity, request: Auth) -> None:
        """Subscribes first and reads afterwards, so that whatever happens in between is held, not missed."""
        hub, who = self._node.hub, identity.participant
        hub.attach(session)
        known = request.resume
        if known is None or len(known) > MOST_GUESSED:
            known = dict.fromkeys(await self._rooms.load(who), 0)
        for conversation_id in known:
            hub.join(session, conversation_id)
        arrival = Arrival(who, request.resume)
        found = await self._arrivals.load(arrival)
        if session not in self._node.sessions:
            return  # lost meanwhile
        actor = session.actor = await self._admit(session, identity, found)
        current = found.current
        if not current.keys() <= session.conversations:
            self._join_all(session, current)
            found = await self._arrivals.load(arrival)
            current = found.current
            self._join_all(session, current)
        for conversation_id in session.conversations - current.keys():
            hub.leave(session, conversation_id)  # not theirs, or no longer
        success = self._success(actor, current.values())
        success.request_id = request.request_id
        session.send_body(encode(success))
        cursors = {cid: place.last_seq for cid, place in current.items()}
        resumption = found.resumption
        lacking: dict[int, int] = {}
        if resumption is not None:
            lacking = await self._replay(session, actor, resumption, cursors)
        for cid, at in cursors.items():
            if cid not in lacking and not hub.settle(session, cid, at):
                lacking[cid] = at
        if lacking:
            await hub.catch_up(session, lacking)
        if resumption is not None:
            session.send_body(encode(Resumed(conversations=resumption.heads)))
        if session.closed:
            return
        hub.release_personal(session)
        self._node.session_ready(session)
        log.info(
            "authenticated",
            session=session.number,
            user_id=actor.user_id,
            conversations=len(current),
            resumed=resumption is not None,
        )

    def _join_all(self, session: Session, current: Iterable[int]) -> None:
        """Those that it is not in."""
        for conversation_id in current:
            if conversation_id not in session.conversations:
                self._node.hub.join(session, conversation_id)

    def _read_log(self, connection: sa.Connection, spans: Sequence[Span]) -> list[list[LogEntry]]:
        return self._node.log.read(connection, spans)  # which is made after the features

    async def _replay(
        self, session: Session, actor: Actor, resumption: Resumption, cursors: dict[int, int]
    ) -> dict[int, int]:
        """Sends what was missed; after which seq it still lacks events of those it is in.

        Also what is not in those logs: conversations that are new to it (moving their `cursors`), and the end of those
        it is no longer in.
        """
        if resumption.new:
            for conversation in await self._node.readers.run(
                lambda connection: self._node.feature(Conversations).load(connection, actor.participant, resumption.new)
            ):
                cursors[conversation.conversation_id] = conversation.last_seq
                session.send_body(encode(created_event(conversation)))
        for entries in resumption.missed.values():
            _send_entries(session, entries)
        ended = [span for cid, span in resumption.ended.items() if cid not in resumption.missed]
        if ended:
            for entries in await self._node.read_log(ended):
                _send_entries(session, entries)
        return {cid: after for cid, after in resumption.lacking.items() if cid not in resumption.missed}

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

    def _success(self, actor: Actor, places: Iterable[Place]) -> AuthSuccess:
        places = list(places)
        return AuthSuccess(
            user_id=actor.user_id,
            conversations=[place.conversation_id for place in places],
            participant_type=actor.participant.type,
            participant_id=actor.participant.id,
            name=actor.name,
            heads=[
                Head(
                    conversation_id=place.conversation_id,
                    last_seq=place.last_seq,
                    last_read_message_id=place.last_read_message_id,
                    unread=place.unread,
                )
                for place in places
            ],
            server=ServerInfo("bihak-messaging", self._node.options.version),
            limits=Limits(self._node.options.max_frame_bytes, MAX_CONTENT, RESUME_LIMIT),
        )

    # subscribe_conversation

    @task(Subscribe)
    async def subscribe(self, session: Session, request: Subscribe) -> Subscribed | None:
        """Also mends a session that is not in a room it should be in, or in one that it should have left."""
        assert session.actor is not None
        hub, cid, who = self._node.hub, request.conversation_id, session.actor.participant
        rejoin = request.after_seq is not None or cid not in session.conversations
        if rejoin:
            hub.join(session, cid)
        try:
            return await self._catch_up(session, request, who, rejoin=rejoin)
        except Unavailable as error:
            # What was held for the session while it read is lost to it; a new connection resumes.
            if rejoin:
                raise Disconnect(CloseCode.TRY_AGAIN_LATER, error.message, error) from error
            raise

    async def _catch_up(
        self, session: Session, request: Subscribe, who: Participant, *, rejoin: bool
    ) -> Subscribed | None:
        hub, cid = self._node.hub, request.conversation_id
        (place,) = await self._node.read_coverage(who, [cid])
        if place is None or not place.is_current:
            hub.leave(session, cid)
            raise NotFound("There is no such conversation, or you are not in it.")
        reply = Subscribed(conversation_id=cid, last_seq=place.end_seq, request_id=request.request_id)
        if not rejoin:
            session.send_body(encode(reply))
            await self._node.feature(Typing).tell_current(session, cid)
            return None
        session.send_body(encode(reply))
        after = max(place.end_seq if request.after_seq is None else request.after_seq, place.joined_seq)
        resync = after > place.end_seq or place.end_seq - after > RESUME_LIMIT
        if resync:
            after = place.end_seq
        await hub.catch_up(session, {cid: after})
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
            await asyncio.sleep(self._node.options.periods_s["sessions"])
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
                    session.send_body(encode(error_reply(TokenExpired())))
            (log.info if removed else log.debug)("cleanup", task="sessions", removed=removed)


def _send_entries(session: Session, entries: Sequence[LogEntry]) -> None:
    if entries:
        session.send(b"".join([text_frame(entry.body) for entry in entries]))
