"""`bihak chat`."""

import asyncio
import hashlib
import os
import sys
import time
from collections.abc import Callable
from functools import partial

import click

from bihak.chat.script import Errand, run
from bihak.cli.failure import settings_errors_told
from bihak.client import Client, Fault, InvalidToken
from bihak.client.credentials import Token
from bihak.errors import SettingsError
from bihak.protocol.types import Participant

DEFAULT_URL = "ws://localhost:8080"
TOKEN_VALID_S = 3600
EXTRA = ("textual", "rich", "platformdirs")
EXTRA_MISSING = "the screen needs the extra `chat`: pip install 'bihak-messaging[chat]'"

MakeClient = Callable[[], Client]


@click.command()
@click.argument("user_id")
@click.option("--url", default=DEFAULT_URL, show_default=True, help="The server.")
@click.option("--token", envvar="BIHAK_TOKEN", help="In place of $BIHAK_TOKEN; without either AUTH_SECRET makes one.")
@click.option("--trusted", is_flag=True, help="Without a token, whatever is set; for a server in trusted mode.")
@click.option("--to", metavar="USER_ID", help="Write to this person.")
@click.option("--conversation", "conversation_id", type=int, metavar="N", help="Write to this conversation.")
@click.option("-m", "--message", help="Send this, and not what comes on standard input.")
@click.option("--lines", is_flag=True, help="Each line of standard input is a message.")
@click.option("--follow", is_flag=True, help="Print messages as they come, until Ctrl+C.")
@click.option("--json", "as_json", is_flag=True, help="With --follow: each as a JSON object.")
@click.option("--within", "within_s", default=30.0, show_default=True, help="Seconds to wait for an answer.")
def chat(
    user_id: str,
    url: str,
    token: str | None,
    trusted: bool,
    to: str | None,
    conversation_id: int | None,
    message: str | None,
    lines: bool,
    follow: bool,
    as_json: bool,
    within_s: float,
) -> None:
    """Talk as USER_ID (such as user_1) in this terminal.

    Without a terminal it serves scripts: `echo hi | bihak chat user_1 --to user_2` sends, and ends with 0 once the
    message is stored.
    """
    with settings_errors_told():
        who, made = _identity(user_id, token, trusted=trusted)
    participant = user_id if who is None else None
    if sys.stdin.isatty() and sys.stdout.isatty() and message is None and not follow:
        make = partial(Client, url, token=who, participant=participant, device="terminal")
        fault = _on_screen(make, f"{url} {user_id}", to if conversation_id is None else conversation_id)
    else:
        is_addressed = to is not None or conversation_id is not None
        if not is_addressed and not follow:
            raise click.UsageError("Without a terminal say where to, with --to or --conversation, or --follow.")
        errand = Errand(
            conversation_id=conversation_id,
            to=to,
            messages=_messages(message, lines=lines, required=not follow) if is_addressed else (),
            follow=follow,
            as_json=as_json,
            within_s=within_s,
        )
        fault = _run(lambda: Client(url, token=who, participant=participant, listen=follow), errand)
    if fault is not None:
        hint = " A server in trusted mode wants --trusted." if made and isinstance(fault, InvalidToken) else ""
        click.echo(f"bihak: {fault}{hint}", err=True)
        raise SystemExit(1)


def _identity(user_id: str, token: str | None, *, trusted: bool) -> tuple[Token | None, bool]:
    """The token, None for trusted mode, and whether it was made here. Raises SettingsError."""
    try:
        participant = Participant.parse(user_id)
    except ValueError as fault:
        raise SettingsError(f"this is {fault}") from None
    if trusted or token:
        return None if trusted else token, False
    # Much to import, for those who come without a token only.
    from bihak.settings import load_settings
    from bihak.transports.auth import make_token

    settings = load_settings()
    secrets = settings.listed("auth_secret")
    if settings.auth_mode == "trusted" or not secrets:
        return None, False

    async def make() -> str:
        return make_token(secrets[0], participant, name=None, expires_at=int(time.time() + TOKEN_VALID_S))

    return make, True


def _messages(message: str | None, *, lines: bool, required: bool) -> list[str]:
    """What to send: `message`, or standard input unless that is a terminal."""
    text = message if message is not None else "" if sys.stdin.isatty() else sys.stdin.read()
    found = [each for each in (text.splitlines() if lines else [text]) if each.strip()]
    if required and not found:
        raise click.UsageError("There is nothing to send: standard input was empty.")
    return found


def _run(make_client: MakeClient, errand: Errand) -> Exception | None:
    """What went wrong, if something did."""

    async def talk() -> None:
        client = make_client()
        client.start()
        try:
            await run(client, errand)
        finally:
            await client.close()

    try:
        asyncio.run(talk())
    except Fault as fault:
        return fault
    except TimeoutError:
        return TimeoutError(f"no answer within {errand.within_s:g} s")
    except KeyboardInterrupt:
        pass  # the way to end --follow
    except BrokenPipeError:
        # Whoever read along has gone; Python would complain at its end, when it flushes what nobody takes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return None


def _on_screen(make: Callable[..., Client], whose: str, start_with: int | str | None) -> Exception | None:
    try:
        # The extra may not be there.
        import platformdirs

        from bihak.chat.app import ChatApp
        from bihak.chat.windows import Claim
    except ModuleNotFoundError as fault:
        return ImportError(EXTRA_MISSING) if fault.name and fault.name.split(".")[0] in EXTRA else fault
    # What is unsent waits there for the next start: files for each person at each server.
    name = f"unsent-{hashlib.sha256(whose.encode()).hexdigest()[:16]}"
    claim = Claim(platformdirs.user_state_path("bihak"), name)
    try:
        app = ChatApp(lambda: make(outbox=claim.path), start_with)
        app.run()
    finally:
        claim.release()
    return app.fault
