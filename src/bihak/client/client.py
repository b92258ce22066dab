"""What a program uses to talk with a server."""

import asyncio
import uuid
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from bihak.client.commands import Commands
from bihak.client.connection import Timing
from bihak.client.credentials import Credentials, Token
from bihak.client.events import Heard, State, StateChanged
from bihak.client.faults import Fault, disconnected
from bihak.client.outbox import Draft, NoShelf, Outgoing
from bihak.client.replies import AuthSuccess, Reply
from bihak.client.session import Session
from bihak.client.shelf import FileShelf

R = TypeVar("R", bound=Reply)


class Client(Commands):
    """Talks with the server at `url` (ws: or wss:) as whoever `token`, or in trusted mode `participant`, says.

    `token` may be an async function, which is asked for a fresh one whenever it is needed. `outbox` is a file that
    keeps what is unsent over a crash, for one participant and one program at a time. `resume` are the seqs, by
    conversation, after which events shall be told; without them one begins with what happens from now on. With
    `listen=False` nothing is kept for the iteration, for a program that only asks and sends.

    `async with` connects, and waits until it is signed in. Iterating gives what happens, in order, and ends when the
    client is closed; it raises the Fault where the sign-in is refused for good. It belongs to the event loop
    it is made in.
    """

    def __init__(
        self,
        url: str,
        *,
        token: Token | None = None,
        participant: str | None = None,
        outbox: Path | str | None = None,
        resume: Mapping[int, int] | None = None,
        device: str | None = None,
        listen: bool = True,
        timing: Timing | None = None,
    ) -> None:
        self._timing = timing or Timing()
        credentials = Credentials(token, participant)
        shelf = NoShelf() if outbox is None else FileShelf(Path(outbox))
        self._session = Session(url, credentials, self._timing, shelf, seqs=resume, device=device, listen=listen)

    # Beginning and end

    async def __aenter__(self) -> Self:
        self.start()
        try:
            await self.signed_in()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def start(self) -> None:
        """Begins to connect and does not wait."""
        self._session.connection.start()

    async def signed_in(self) -> AuthSuccess:
        """Waits until it is signed in, however long that takes. Raises the Fault where it is refused for good."""
        await self._session.connection.ready()
        return self.me

    async def close(self) -> None:
        """Ends the connection. What is unsent stays unsent: await it before, or `all_sent`."""
        await self._session.close()

    # What is known

    @property
    def state(self) -> StateChanged:
        """Where the connection stands."""
        return self._session.connection.state

    @property
    def me(self) -> AuthSuccess:
        """Who one is, as the server said at the last sign-in. For use once one was signed in."""
        assert self._session.hearing.me is not None, "not signed in yet"
        return self._session.hearing.me

    def unsent(self, conversation_id: int | None = None) -> list[Outgoing]:
        """Messages that are queued, on their way, or refused, in the order they were written."""
        return self._session.outbox.unsent(conversation_id)

    # What happens

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Heard:
        event = await self._session.events.get()
        if event is not None:
            return event
        self._session.events.put_nowait(None)  # for whoever asks again
        if self.state.state is State.REFUSED and self.state.fault is not None:
            raise self.state.fault
        raise StopAsyncIteration

    # Talking

    def send(
        self, conversation_id: int, content: str, *, reply_to_id: int | None = None, key: str | None = None
    ) -> Outgoing:
        """Queues a message; it is sent now, or as soon as there is a connection, once and in order.

        Awaiting what it returns gives MessageSent once the message is stored. With an outbox it is on disk on return.
        `key` (8 to 64 bytes, else a random one): what is sent with the same key again is stored once for all times, so
        that a program that starts over may say the same again.
        """
        self._session.typing.stop(conversation_id)
        # Whoever writes wants the connection now, whatever the backoff says.
        self.reconnect_now()
        draft = Draft(
            key=key or uuid.uuid4().hex,
            conversation_id=conversation_id,
            content=content,
            reply_to_id=reply_to_id,
            created_at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        )
        outgoing = self._session.outbox.add(draft)
        self._session.flush()
        return outgoing

    async def all_sent(self) -> None:
        """Waits until everything written so far is stored or refused."""
        for outgoing in self.unsent():
            with suppress(Fault):
                await outgoing

    def retry(self, key: str) -> None:
        """Sends a refused message again."""
        self._session.outbox.retry(key)
        self._session.flush()

    def discard(self, key: str) -> None:
        """Gives a refused message up."""
        self._session.outbox.discard(key)

    def typing(self, conversation_id: int) -> None:
        """To be called on every key stroke; few of them become frames."""
        if self.state.state is State.READY:
            self._session.typing.touch(conversation_id)

    def stop_typing(self, conversation_id: int) -> None:
        self._session.typing.stop(conversation_id)

    async def ask(self, kind: type[R], command: str, **fields: Any) -> R:
        """Any request; `kind` is its reply. Without a connection it waits for one, as long as it would for an answer.

        Raises Disconnected where there is none by then, or where it was lost before the answer.
        """
        try:
            async with asyncio.timeout(self._timing.answer_within_s):
                await self._session.connection.ready()
        except TimeoutError:
            raise disconnected() from None
        return await self._session.connection.ask(kind, command, fields)

    def reconnect_now(self) -> None:
        """Tries at once instead of waiting for the backoff to end."""
        self._session.connection.hurry()
