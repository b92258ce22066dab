"""Every setting: its name in the environment or .env, its default, and what it does."""

from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from bihak.cluster.redis_url import check_redis_url, without_secrets
from bihak.core.limits import Limit
from bihak.errors import SettingsError

MIN_SECRET_BYTES = 32
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")


class Settings(BaseSettings):
    """Read once, at start; a component gets only its own."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True, populate_by_name=True)

    ws_host: str = Field("localhost", description="Address to listen on.")
    ws_port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 takes any free one.")
    database_url: str = Field(
        "sqlite:///bihak.db", description="SQLite file, or MySQL or MariaDB as an SQLAlchemy URL."
    )
    db_host: str | None = Field(None, description="MySQL or MariaDB host; takes the place of DATABASE_URL.")
    db_port: int = Field(3306, ge=1, le=65535, description="With DB_HOST: its port.")
    db_user: str = Field("bihak", description="With DB_HOST: the user.")
    db_password: str = Field("", description="With DB_HOST: the user's password.")
    db_name: str = Field("bihak", description="With DB_HOST: the database.")
    database_unsafe: Literal["refuse", "accept"] = Field(
        "refuse", description="Whether to start on a database server whose settings may lose acknowledged messages."
    )
    redis_url: str | None = Field(
        None,
        description="Redis, which makes several nodes on one MySQL or MariaDB a cluster: redis://, rediss:// or "
        "redis+sentinel://host:port,host:port/service.",
    )
    auth_mode: Literal["token", "trusted"] = Field(
        "token", description="token: signed tokens; trusted: believe what clients say (loopback only)."
    )
    auth_secret: str | None = Field(None, description="Secret of HS256 tokens, at least 32 bytes; several by commas.")
    auth_public_key: str | None = Field(None, description="PEM public key (or its file) of EdDSA, ES256, RS256 tokens.")
    auth_jwks_url: str | None = Field(None, description="Address of a JWKS with such keys.")
    auth_issuer: str | None = Field(None, description="The `iss` that tokens must have.")
    auth_audience: str | None = Field(None, description="The `aud` that tokens must have.")
    api_key: str | None = Field(None, description="Bearer of the platform's back end; several by commas.")
    allowed_origins: str = Field(
        "", description="Origins, by commas, whose pages may connect besides the server's own."
    )
    trusted_proxies: str = Field("", description="Addresses or networks, by commas, whose X-Forwarded-For counts.")
    max_connections: int = Field(10_000, ge=1, description="Connections of this process.")
    max_connections_per_participant: int = Field(50, ge=1, description="Connections of one participant to one process.")
    max_connections_per_address: int = Field(
        1000, ge=0, description="Connections of one address (IPv6: of one /64), but for this machine's; 0: any number."
    )
    max_frame_bytes: int = Field(102_400, ge=1024, le=16_777_216, description="Largest frame taken from a client.")
    rate_limit_messages: str = Field("600/10", description="Messages per participant: count/seconds, or off.")
    rate_limit_changes: str | None = Field(
        None,
        description="Whatever else a participant stores, such as reactions; as RATE_LIMIT_MESSAGES unless it is set.",
    )
    rate_limit_typing: str | None = Field(
        None, description="Typing per participant; as RATE_LIMIT_MESSAGES unless it is set."
    )
    rate_limit_history: str | None = Field(
        None, description="Reads per participant, such as history; as RATE_LIMIT_MESSAGES unless it is set."
    )
    rate_limit_search: str | None = Field(
        None, description="Searches per participant; as RATE_LIMIT_MESSAGES unless it is set."
    )
    rate_limit_requests: str = Field(
        "3000/10", description="Other requests per connection, such as subscribing: count/seconds, or off."
    )
    rate_limit_auth: str = Field(
        "600/60",
        description="Refused tokens and keys per address (IPv6: per /64); good ones are always taken. Or off.",
    )
    directory: Literal["everyone", "shared"] = Field(
        "everyone", description="Whom a people search finds: everyone, or those one shares a conversation with."
    )
    participant_types: str = Field("user,admin,mentor", description="Types of participants; admin moderates.")
    cleanup_typing_s: float = Field(60.0, gt=0, description="Seconds between removals of expired typing indicators.")
    cleanup_presence_s: float = Field(
        3.0, gt=0, description="Seconds between checks for people a dead node left online."
    )
    notification_days: int = Field(30, ge=0, description="Days for which a notification is kept after it was read.")
    cleanup_notifications_s: float = Field(3600.0, gt=0, description="Seconds between removals of old notifications.")
    cleanup_deleted_s: float = Field(
        3600.0,
        gt=0,
        description="Seconds until the words of deleted and edited messages are gone from the files of the database.",
    )
    cleanup_sessions_s: float = Field(
        1.0, gt=0, description="Seconds between checks for connections whose token expired."
    )
    io_uring: Literal["auto", "off"] = Field(
        "auto",
        description="Whether a message to hundreds is one system call, by Linux's io_uring, where that is allowed.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    log_format: Literal["console", "json"] = Field("console", description="console for people, json for machines.")

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @field_validator(*(f"rate_limit_{limit}" for limit in Limit))
    @classmethod
    def _check_rate(cls, value: str | None) -> str | None:
        if value is not None:
            parse_rate(value)
        return value

    @field_validator("participant_types")
    @classmethod
    def _check_types(cls, value: str) -> str:
        types = value.split(",")
        if not all(kind.isascii() and kind.isalpha() and kind.islower() and len(kind) <= 16 for kind in types):
            raise ValueError("lower-case words of at most 16 letters, separated by commas")
        return value

    @field_validator("auth_secret")
    @classmethod
    def _check_secret(cls, value: str | None) -> str | None:
        for secret in (value or "").split(","):
            if value is not None and len(secret.strip().encode()) < MIN_SECRET_BYTES:
                raise ValueError(f"at least {MIN_SECRET_BYTES} bytes, as `openssl rand -hex 32` prints")
        return value

    @field_validator("redis_url")
    @classmethod
    def _check_redis(cls, value: str | None) -> str | None:
        if value is not None:
            check_redis_url(value)
        return value

    @field_validator("database_url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        try:
            backend = make_url(value).get_backend_name()
        except ArgumentError:
            raise ValueError("a URL such as sqlite:///bihak.db or mysql://user:password@host/name") from None
        if backend not in ("sqlite", "mysql", "mariadb"):
            raise ValueError("a URL that begins with sqlite, mysql or mariadb")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, dotenv_settings

    @property
    def url(self) -> URL:
        """The database, wherever it was set."""
        if self.db_host is None:
            return make_url(self.database_url)
        return URL.create("mysql", self.db_user, self.db_password or None, self.db_host, self.db_port, self.db_name)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        if self.ws_host in LOOPBACK_HOSTS:
            return True
        try:
            return ip_address(self.ws_host).is_loopback
        except ValueError:
            return False  # a name, and names are anybody's

    def rate(self, limit: Limit) -> tuple[int, float] | None:
        """Its RATE_LIMIT_, as `parse_rate` reads it."""
        return parse_rate(getattr(self, f"rate_limit_{limit}") or self.rate_limit_messages)

    def listed(self, name: str) -> tuple[str, ...]:
        """A setting that takes several values by commas."""
        return tuple(part.strip() for part in (getattr(self, name) or "").split(",") if part.strip())


def parse_rate(text: str) -> tuple[int, float] | None:
    """(count, seconds) of `count/seconds`; None for `off`. Raises ValueError."""
    if text == "off":
        return None
    count, slash, seconds = text.partition("/")
    if not (slash and text.isascii() and count.isdigit() and seconds.replace(".", "", 1).isdigit()):
        raise ValueError("count/seconds such as 100/10, or off")
    if int(count) < 1 or float(seconds) <= 0:
        raise ValueError("count/seconds with both above zero, or off")
    return int(count), float(seconds)


_WHAT_IS_RIGHT = {
    "int_parsing": "a whole number",
    "float_parsing": "a number",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "literal_error": "one of {expected}",
}


_SECRETS = ("AUTH_SECRET", "API_KEY", "DB_PASSWORD", "REDIS_URL")


def load_settings(env_file: Path | None = Path(".env"), **overrides: Any) -> Settings:
    """From `overrides`, the environment and `env_file`, in this order.

    Raises SettingsError that names each wrong setting, its value and what would be right.
    """
    try:
        settings = Settings(_env_file=env_file, **overrides)  # type: ignore[call-arg]
    except ValidationError as fault:
        problems = []
        for error in fault.errors():
            name = str(error["loc"][0]).upper()
            template = _WHAT_IS_RIGHT.get(error["type"])
            right = template.format(**error.get("ctx", {})) if template else error["msg"].removeprefix("Value error, ")
            shown = "***" if name in _SECRETS else error["input"]
            problems.append(f"{name}={shown} is not usable; it takes {right}")
        raise SettingsError("\n".join(problems)) from None
    _check_together(settings)
    return settings


def _check_together(settings: Settings) -> None:
    if settings.auth_mode == "trusted" and not settings.is_loopback:
        raise SettingsError(
            f"AUTH_MODE=trusted with WS_HOST={settings.ws_host} would let anyone be anybody; "
            "use AUTH_MODE=token, or listen on localhost"
        )
    if settings.redis_url is not None and settings.url.get_backend_name() == "sqlite":
        raise SettingsError(
            f"REDIS_URL={without_secrets(settings.redis_url)} is set and the database is SQLite, which is one process' "
            "own; set DB_HOST or DATABASE_URL to MySQL or MariaDB, or leave REDIS_URL unset"
        )


def require_shared(settings: Settings, workers: int) -> None:
    """Raises SettingsError where several processes would not be one server."""
    missing = []
    if settings.redis_url is None:
        missing.append("REDIS_URL=redis://localhost")
    if settings.url.get_backend_name() == "sqlite":
        missing.append("DB_HOST, DB_USER, DB_PASSWORD and DB_NAME of MySQL or MariaDB")
    if missing:
        raise SettingsError(
            f"--workers {workers} makes {workers} processes one server, which takes Redis and MySQL or MariaDB; set "
            + " and ".join(missing)
            + ", or leave --workers out"
        )


def require_keys(settings: Settings) -> None:
    """Raises SettingsError in token mode without anything to check tokens with."""
    if settings.auth_mode == "token" and not (
        settings.auth_secret or settings.auth_public_key or settings.auth_jwks_url
    ):
        raise SettingsError(
            "AUTH_SECRET is not set; it takes the secret that signs the platform's tokens, at least 32 bytes "
            "(`openssl rand -hex 32` makes one). AUTH_PUBLIC_KEY or AUTH_JWKS_URL do as well. "
            "To look around without any of them: bihak serve --demo"
        )
