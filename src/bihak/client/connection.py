"""One signed-in connection after another: opens, signs in, finds out that it is lost, waits, opens again."""

import asyncio
import random as random_numbers
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import aiohttp

from bihak.client.backoff import Backoff
from bihak.client.closing import After, after_close, after_refusal
from bihak.client.credentials import Credentials
from bihak.client.events import State, StateChanged
from bihak.client.faults import Closed, Disconnected, Fault, InvalidToken, SessionRevoked, TooLarge, disconnected
from bihak.client.frames import Label, decode_reply, encode_frame, label_of
from bihak.client.link import Link
from bihak.client.replies import AuthSuccess, ErrorReply, Reply
from bihak.client.requests import Requests

R = TypeVar("R", bound=Reply)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How patient a client is, in seconds."""

    open_within_s: float = 15.0
    answer_within_s: float = 20.0
    quiet_s: float = 30.0
    """After so long without a frame it asks whether the server is still there."""
    retry_base_s: float = 0.5
    retry_cap_s: float = 15.0
    patience_s: float = 5.0
    """It waits at least so long where the server asks for patience."""
    stable_after_s: float = 5.0
    """A connection that held so long ends the backoff; a server that accepts and at once closes does not."""


class Owner(Protocol):
    """Whom a connection reports to, at once and in the order of what happens."""

    def introduction(self) -> dict[str, Any]:
        """What `auth` tells besides the credentials."""

    def welcomed(self, welcome: AuthSuccess) -> None:
        """Signed in; what was missed follows."""

    def received(self, label: Label, frame: bytes) -> None:
        """A frame came. Replies are reported too, before whoever asked has them."""

    def failed(self, fault: Fault) -> None:
        """An error that answers no request."""

    def became(self, change: StateChanged) -> None: ...

    def lost(self) -> None:
        """Whatever was under way on the connection is undecided."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a connection ended, and what follows."""

    after: After
    fault: Fault


class Connection:
    """Keeps one up until it is closed, or refused for good. For one event loop."""

    def __init__(self, url: str, credentials: Credentials, timing: Timing, owner: Owner) -> None:
        self.state = StateChanged(state=State.CLOSED)
        self._url = url
        self._credentials = credentials
        self._timing = timing
        self._owner = owner
        self._requests = Requests(timing.answer_within_s)
        self._backoff = Backoff(timing.retry_base_s, timing.retry_cap_s, random_numbers.random)
        self._link: Link | None = None
        self._ending: Ending | None = None
        self._max_frame_bytes: int | None = None
        self._moved = asyncio.Event()
        self._hurry = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._running = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Ends it, with a proper closing handshake where the server still answers."""
        if self._running is None:
            return
        running = [self._running, *self._tasks]
        self._running = None
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if self.state.state is not State.REFUSED:
            self._become(StateChanged(state=State.CLOSED, fault=Closed("The client was closed.")))

    def hurry(self) -> None:
        """Ends the wait for the next attempt."""
        self._hurry.set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs `work` beside the connection, until it ends or the connection is closed for good."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def ready(self) -> None:
        """Waits until it is signed in. Raises the Fault of one that is closed or refused for good."""
        while self.state.state is not State.READY:
            if self.state.fault is not None and self.state.state is not State.WAITING:
                raise self.state.fault
            self._moved.clear()
            await self._moved.wait()

    async def ask(self, kind: type[R], command: str, fields: dict[str, Any]) -> R:
        """Sends a request on the present connection and waits for its reply, a `kind`. Raises Fault."""
        request_id = self._requests.open()
        try:
            await self.send({"type": command, **fields, "request_id": request_id})
        except BaseException:
            self._requests.drop(request_id)
            raise
        return decode_reply(await self._requests.answer(request_id), kind)

    async def send(self, fields: dict[str, Any]) -> None:
        """Raises Disconnected, and TooLarge for what the server would close the connection for."""
        frame = encode_frame(fields)
        if self._max_frame_bytes is not None and len(frame) > self._max_frame_bytes:
            raise TooLarge(f"The server takes frames of at most {self._max_frame_bytes} bytes.")
        if self._link is None:
            raise disconnected()
        await self._link.send(frame)

    # One after another

    async def _run(self) -> None:
        while True:
            self._become(StateChanged(state=State.CONNECTING))
            ending = await self._connect_once()
            self._lose()
            if ending.after is After.NEVER or (
                ending.after is After.FRESH_TOKEN and not self._credentials.may_try_again()
            ):
                self._become(StateChanged(state=State.REFUSED, fault=ending.fault))
                return
            patience_s = self._timing.patience_s if ending.after is After.RECONNECT_LATER else 0.0
            delay_s = self._backoff.next_s(max(patience_s, ending.fault.retry_after or 0.0))
            self._hurry.clear()
            self._become(StateChanged(state=State.WAITING, retry_in_s=delay_s, fault=ending.fault))
            await self._pause(delay_s)

    async def _pause(self, delay_s: float) -> None:
        try:
            async with asyncio.timeout(delay_s):
                await self._hurry.wait()
        except TimeoutError:
            pass

    async def _connect_once(self) -> Ending:
        self._ending = None
        link = Link(self._url, quiet_s=self._timing.quiet_s, answer_within_s=self._timing.answer_within_s)
        try:
            async with asyncio.timeout(self._timing.open_within_s):
                await link.open()
        except (aiohttp.ClientError, OSError, TimeoutError) as fault:
            return Ending(After.RECONNECT, Disconnected(f"No connection: {fault}", retryable=True))
        self._link = link
        steady = asyncio.get_running_loop().call_later(self._timing.stable_after_s, self._backoff.reset)
        try:
            self.spawn(self._sign_in(link))
            async for frame in link.frames():
                self._received(frame)
        except Disconnected:
            pass  # found out while asking whether the server is there
        finally:
            steady.cancel()
            await link.close()
        return self._ending or _ending_of(link.close_code)

    async def _sign_in(self, link: Link) -> None:
        """Should it fail, it ends the connection; `_received` sees to it when it succeeds."""
        try:
            fields = await self._credentials.fields()
        except Exception as fault:
            # Whatever the program's own function may raise: the next attempt asks it again.
            await self._give_up(link, After.RECONNECT_LATER, Fault(f"No token: {fault}", code="no_token"))
            return
        try:
            await self.ask(AuthSuccess, "auth", fields | self._owner.introduction())
        except Disconnected:
            pass
        except Fault as fault:
            await self._give_up(link, after_refusal(fault.code, retryable=fault.retryable), fault)

    async def _give_up(self, link: Link, after: After, fault: Fault) -> None:
        self._ending = Ending(after, fault)
        await link.close()

    def _lose(self) -> None:
        self._link = None
        # The owner first, or whoever hears of a lost request would ask again on the same dead connection.
        self._owner.lost()
        self._requests.fail_all(disconnected())

    # What comes

    def _received(self, frame: bytes) -> None:
        label = label_of(frame)
        if label is None:
            return
        if label.type == "auth_success" and self.state.state is not State.READY:
            self._welcome(frame)
        elif label.type == "error" and label.request_id is None:
            self._failed(frame)
        else:
            self._owner.received(label, frame)
        if label.request_id is not None:
            self._requests.settle(label.request_id, frame)

    def _welcome(self, frame: bytes) -> None:
        """At once, not when the sign-in goes on: what was missed is right behind it."""
        try:
            welcome = decode_reply(frame, AuthSuccess)
        except Fault:
            return  # the sign-in meets the same fault
        self._credentials.accepted()
        self._max_frame_bytes = welcome.limits.max_frame_bytes
        self._owner.welcomed(welcome)
        self._become(StateChanged(state=State.READY, welcome=welcome))

    def _failed(self, frame: bytes) -> None:
        try:
            decode_reply(frame, ErrorReply)
        except Fault as fault:
            if fault.code == "token_expired" and self._credentials.renewable:
                self.spawn(self._refresh_token())
            self._owner.failed(fault)

    async def _refresh_token(self) -> None:
        """The connection stays while its token is replaced. Should that fail, the server closes it and we resume."""
        try:
            await self.ask(AuthSuccess, "auth", await self._credentials.fields())
        except Exception as fault:  # the program's own function may raise anything
            self._owner.failed(fault if isinstance(fault, Fault) else Fault(f"No token: {fault}", code="no_token"))

    def _become(self, change: StateChanged) -> None:
        self.state = change
        self._moved.set()
        self._owner.became(change)


def _ending_of(close_code: int | None) -> Ending:
    after = after_close(close_code)
    if after is After.NEVER:
        return Ending(after, SessionRevoked("The platform has ended this session."))
    if after is After.FRESH_TOKEN:
        return Ending(after, InvalidToken("The sign-in is no longer valid."))
    return Ending(after, disconnected())
