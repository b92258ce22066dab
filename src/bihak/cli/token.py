"""`bihak token`."""

import time

import click

from bihak.cli.failure import settings_errors_told
from bihak.errors import SettingsError
from bihak.protocol.types import Participant
from bihak.settings import load_settings
from bihak.transports.auth import make_token


@click.command()
@click.argument("user_id")
@click.option("--name", help="The name that others see.")
@click.option(
    "--hours", type=click.FloatRange(min=0, min_open=True), default=24.0, show_default=True, help="Valid so long."
)
def token(user_id: str, name: str | None, hours: float) -> None:
    """Print a token for USER_ID (such as user_1), signed with AUTH_SECRET."""
    with settings_errors_told():
        settings = load_settings()
        try:
            participant = Participant.parse(user_id)
        except ValueError as fault:
            raise SettingsError(f"this is {fault}") from None
        if participant.type not in settings.listed("participant_types"):
            raise SettingsError(f"{user_id} is of no type in PARTICIPANT_TYPES={settings.participant_types}")
        secrets = settings.listed("auth_secret")
        if not secrets:
            raise SettingsError("AUTH_SECRET is not set; it takes the secret that the server checks tokens with")
        expires_at = int(time.time() + hours * 3600)
        click.echo(make_token(secrets[0], participant, name=name, expires_at=expires_at))
