"""Somebody on the way in: from who they are, over what is read of them, to a place in their rooms.

Nothing of it is a coroutine but where it waits for more than the one read that those who come together share.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import sqlalchemy as sa
import structlog

from bihak.core.identity import Actor, Identity
from bihak.core.limits import Limit, network_of
from bihak.core.log import RESUME_LIMIT, LogEntry, Span
from bihak.core.node import Node
from bihak.core.session import Session
from bihak.core.visit import Visit
from bihak.errors import (
    AlreadyAuthenticated,
    CloseCode,
    Disconnect,
    InvalidField,
    InvalidToken,
    RateLimited,
    TokenExpired,
    TooManyConnections,
)
from bihak.features.arriving.entrance import Entrance
from bihak.features.arriving.wire import Auth, AuthSuccess, Head, Limits, Resumed, ServerInfo
from bihak.features.conversations import Conversation, Conversations, created_event
from bihak.features.messages import MAX_CONTENT
from bihak.features.participants import Participants, needs_saving, recognise
from bihak.features.places import ROWS_AT_ONCE, Arrival, ArrivalReader, Found, Place, Resumption, read_rooms
from bihak.protocol.envelope import encode
from bihak.protocol.frames import text_frame
from bihak.protocol.types import Participant
from bihak.storage.readers import GroupedRead

log = structlog.stdlib.get_logger("bihak")

__all__ = ["Arrivals", "Auth", "AuthSuccess", "Resumed"]

MOST_GUESSED = 1000
"""Conversations that a client may say it is in; those who know more are asked for by the server."""


class Arrivals:
    """Lets people in, on one node. For the event loop only."""

    def __init__(self, node: Node, refreshed: Callable[[Session], None]) -> None:
        """`refreshed` is called with each session that was in already and has another token."""
        self._node = node
        self._refreshed = refreshed
        self._tells = log.is_enabled_for(logging.INFO)
        self._rooms: GroupedRead[Participant, list[int]] = GroupedRead(node.readers, read_rooms)
        reader = ArrivalReader(node.database.dialect, self._read_log)
        self._found: GroupedRead[Arrival, Found] = GroupedRead(
            node.readers, reader.read, weigh=reader.weigh, most=ROWS_AT_ONCE
        )
        self._server = ServerInfo("bihak-messaging", node.options.version)
        self._limits = Limits(node.options.max_frame_bytes, MAX_CONTENT, RESUME_LIMIT)

    def receive(self, visit: Visit, request: Auth) -> None:
        """Finishes the visit when its session is in its rooms."""
        identity = self._recall(request)
        if identity is None:
            visit.follow(self._verify(visit, request), visit.fail)
        else:
            self._identified(visit, request, identity)

    # Who it is

    def _recall(self, request: Auth) -> Identity | None:
        """None if it takes a look at the token."""
        kind, number = request.participant_type, request.participant_id
        if not self._node.authenticator.trusting:
            return self._node.authenticator.recall(request.token)
        if kind is not None and number is not None:
            return Identity(Participant(kind, number))
        if request.token is None:
            missing = "participant_type" if kind is None else "participant_id"
            raise InvalidField("Say who you are: participant_type and participant_id.", field=missing)
        return None

    async def _verify(self, visit: Visit, request: Auth) -> None:
        try:
            identity = await self._node.authenticator.verify(request.token)
        except TokenExpired as error:
            raise Disconnect(CloseCode.TOKEN, error.code, error) from error
        except InvalidToken as error:
            raise self._refusal(visit.session, error) from error
        self._identified(visit, request, identity)

    def _refusal(self, session: Session, error: InvalidToken) -> Disconnect:
        """How a connection ends whose token is refused, which counts against the network it comes from.

        A good token is always taken, so nobody is kept out by what others try, in their name or from their address.
        """
        try:
            self._node.limits.require(Limit.AUTH, network_of(session.address))
        except RateLimited as limited:
            return Disconnect(CloseCode.TRY_AGAIN_LATER, limited.code, limited)
        return Disconnect(CloseCode.TOKEN, error.code, error)

    def _recognise(self, session: Session, identity: Identity, found: Found) -> Actor:
        try:
            return recognise(identity, found.profile)
        except InvalidToken as error:  # a good one, but it was revoked
            raise self._refusal(session, error) from error

    def _identified(self, visit: Visit, request: Auth, identity: Identity) -> None:
        """Subscribes first and reads afterwards, so that whatever happens in between is held, not missed."""
        session, who = visit.session, identity.participant
        if session.actor is not None:
            if session.actor.participant != who:
                raise AlreadyAuthenticated()
            visit.follow(self._refresh(visit, identity), visit.fail)
            return
        if session not in self._node.sessions:
            visit.finish(None)  # lost before its turn came
            return
        self._node.feature(Participants).require_type(who, "participant_type")
        session.actor = self._newcomer(who)
        session.arrives = request.status
        session.expires_at, session.issued_at = identity.expires_at, identity.issued_at
        self._node.hub.attach(session)
        entrance = Entrance(visit, identity, Arrival(who, request.resume), self._undo)
        if request.resume is None or len(request.resume) > MOST_GUESSED:
            entrance.follow(self._ask_for_rooms(entrance))
        else:
            self._read(entrance, request.resume)

    def _newcomer(self, who: Participant) -> Actor:
        """Until it is known what they are called, and whether they may."""
        actor, most = Actor(who, who.user_id), self._node.options.max_per_participant
        if most and len(self._node.hub.participants.get(actor.user_id, ())) >= most:
            raise Disconnect(CloseCode.TOO_MANY_CONNECTIONS, "too many connections", TooManyConnections())
        return actor

    def _undo(self, session: Session) -> None:
        self._node.hub.detach(session)
        session.actor = session.expires_at = session.issued_at = None

    async def _refresh(self, visit: Visit, identity: Identity) -> None:
        session = visit.session
        found = await self._found.load(Arrival(identity.participant))
        actor = self._recognise(session, identity, found)
        await self._save(identity, found)
        session.actor = actor
        session.expires_at, session.issued_at = identity.expires_at, identity.issued_at
        self._refreshed(session)
        visit.finish(self._success(actor, found.current.values()))

    async def _save(self, identity: Identity, found: Found) -> None:
        if needs_saving(identity, found.profile):
            await self._node.feature(Participants).save_told(identity)

    # What is read of them

    async def _ask_for_rooms(self, entrance: Entrance) -> None:
        self._read(entrance, await self._rooms.load(entrance.arrival.who))

    def _read(self, entrance: Entrance, rooms: Sequence[int] | dict[int, int]) -> None:
        session, join = entrance.session, self._node.hub.join
        for conversation_id in rooms:
            join(session, conversation_id)
        self._found.ask(entrance.arrival, partial(self._take, entrance), entrance.fail)

    def _read_log(self, connection: sa.Connection, spans: Sequence[Span]) -> list[list[LogEntry]]:
        return self._node.log.read(connection, spans)  # which is made after the features

    def _take(self, entrance: Entrance, found: Found) -> None:
        """Called with what was read, which nearly always is all there is to know."""
        session, resumption = entrance.session, found.resumption
        try:
            if session not in self._node.sessions:
                entrance.visit.finish(None)  # lost meanwhile
                return
            actor = self._recognise(session, entrance.identity, found)
            is_all = (
                (resumption is None or not (resumption.new or resumption.unread))
                and found.current.keys() <= session.conversations
                and not needs_saving(entrance.identity, found.profile)
            )
            if is_all:
                self._enter(entrance, actor, found)
            else:
                entrance.follow(self._complete(entrance, actor, found))
        except Exception as fault:
            entrance.fail(fault)

    async def _complete(self, entrance: Entrance, actor: Actor, found: Found) -> None:
        """Also what is not in the logs of the conversations they are in: new ones, and the end of others."""
        session = entrance.session
        await self._save(entrance.identity, found)
        if not found.current.keys() <= session.conversations:
            found = await self._look_again(entrance, found)
        while True:
            created = await self._load_new(entrance, found)
            ended = await self._load_ended(entrance, found)
            if created is not None and ended is not None:
                break
            found = await self._look_again(entrance, found)
        self._enter(entrance, actor, found, created, ended)

    async def _look_again(self, entrance: Entrance, found: Found) -> Found:
        self._join_all(entrance.session, found)
        found = await self._found.load(entrance.arrival)
        self._join_all(entrance.session, found)
        return found

    async def _load_new(self, entrance: Entrance, found: Found) -> list[Conversation] | None:
        """None: they are out of one again by now, which what was found does not say."""
        if found.resumption is None or not found.resumption.new:
            return []
        load = partial(self._node.feature(Conversations).load, viewer=entrance.arrival.who, ids=found.resumption.new)
        created = await self._node.readers.run(load)
        return created if len(created) == len(found.resumption.new) else None

    async def _load_ended(self, entrance: Entrance, found: Found) -> list[list[LogEntry]] | None:
        """None: they are, or were, in one again by now; the log shows what the latest membership covers alone."""
        if found.resumption is None or not found.resumption.unread:
            return []
        spans = found.resumption.unread
        ended = await self._node.read_log(spans)
        now = await self._node.read_coverage(entrance.arrival.who, [span.conversation_id for span in spans])
        for span, cover in zip(spans, now, strict=True):
            if cover is not None and cover.joined_seq >= span.through:
                return None
        return ended

    def _join_all(self, session: Session, found: Found) -> None:
        """Those that it is not in."""
        for conversation_id in found.current.keys() - session.conversations:
            self._node.hub.join(session, conversation_id)

    # To their places

    def _enter(
        self,
        entrance: Entrance,
        actor: Actor,
        found: Found,
        created: Sequence[Conversation] = (),
        ended: Sequence[Sequence[LogEntry]] = (),
    ) -> None:
        """Says what there is to say, and has them go live in their rooms."""
        hub, session, current, resumption = self._node.hub, entrance.session, found.current, found.resumption
        session.actor = actor
        if len(session.conversations) > len(current):
            for conversation_id in session.conversations - current.keys():
                hub.leave(session, conversation_id)  # not theirs, or no longer
        success = self._success(actor, current.values())
        success.request_id = entrance.visit.request.request_id
        frames = [text_frame(encode(success))]
        cursors = {place.conversation_id: place.last_seq for place in current.values()}
        for conversation in created:
            cursors[conversation.conversation_id] = conversation.last_seq
            frames.append(text_frame(encode(created_event(conversation))))
        lacking: dict[int, int] = {}
        if resumption is not None:
            for entries in (*resumption.missed.values(), *ended):
                frames += [text_frame(entry.body) for entry in entries]
            lacking = {cid: after for cid, after in resumption.lacking.items() if cid not in resumption.missed}
        session.send(b"".join(frames))
        for cid, at in cursors.items():
            if cid not in lacking and not hub.settle(session, cid, at):
                lacking[cid] = at
        if lacking:
            entrance.follow(self._catch_up(entrance, resumption, lacking))
        else:
            self._inside(entrance, resumption)

    async def _catch_up(self, entrance: Entrance, resumption: Resumption | None, lacking: dict[int, int]) -> None:
        await self._node.hub.catching_up.send(entrance.session, lacking)
        self._inside(entrance, resumption)

    def _inside(self, entrance: Entrance, resumption: Resumption | None) -> None:
        session = entrance.session
        if resumption is not None:
            session.send_body(encode(Resumed(conversations=resumption.heads)))
        if not session.closed:
            self._node.hub.release_personal(session)
            self._node.session_ready(session)
            self._tell(session, resumption)
        entrance.visit.finish(None)

    def _tell(self, session: Session, resumption: Resumption | None) -> None:
        if self._tells:
            log.info(
                "authenticated",
                session=session.number,
                user_id=session.user_id,
                conversations=len(session.conversations),
                resumed=resumption is not None,
            )

    def _success(self, actor: Actor, places: Iterable[Place]) -> AuthSuccess:
        heads = [
            Head(place.conversation_id, place.last_seq, place.last_read_message_id, place.unread) for place in places
        ]
        return AuthSuccess(
            user_id=actor.user_id,
            conversations=[head.conversation_id for head in heads],
            participant_type=actor.participant.type,
            participant_id=actor.participant.id,
            name=actor.name,
            heads=heads,
            server=self._server,
            limits=self._limits,
        )
