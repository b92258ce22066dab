"""A wrong setting is refused by its name, with its value and what would be right."""

from pathlib import Path

import pytest

from bihak.core.limits import Limit
from bihak.errors import SettingsError
from bihak.settings import Settings, load_settings, parse_rate, require_keys

SECRET = "s" * 32


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("WS_PORT", "eighty", "a whole number"),
        ("WS_PORT", "65536", "at most 65535"),
        ("WS_PORT", "-1", "at least 0"),
        ("WS_PORT", "80.5", "a whole number"),
        ("DB_PORT", "0", "at least 1"),
        ("AUTH_MODE", "none", "'token' or 'trusted'"),
        ("LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
        ("LOG_FORMAT", "xml", "'console' or 'json'"),
        ("DIRECTORY", "nobody", "'everyone' or 'shared'"),
        ("DATABASE_UNSAFE", "yes", "'refuse' or 'accept'"),
        ("DATABASE_URL", "nonsense", "sqlite:///bihak.db"),
        ("DATABASE_URL", "postgresql://localhost/bihak", "begins with sqlite, mysql or mariadb"),
        ("MAX_CONNECTIONS", "0", "at least 1"),
        ("MAX_CONNECTIONS_PER_PARTICIPANT", "0", "at least 1"),
        ("MAX_FRAME_BYTES", "100", "at least 1024"),
        ("MAX_FRAME_BYTES", "99999999", "at most 16777216"),
        ("RATE_LIMIT_MESSAGES", "100", "count/seconds"),
        ("RATE_LIMIT_MESSAGES", "0/10", "above zero"),
        ("RATE_LIMIT_MESSAGES", "10/0", "above zero"),
        ("RATE_LIMIT_MESSAGES", "ten/10", "count/seconds"),
        ("RATE_LIMIT_MESSAGES", "²/10", "count/seconds"),
        ("RATE_LIMIT_MESSAGES", "-1/10", "count/seconds"),
        ("RATE_LIMIT_TYPING", "often", "count/seconds"),
        ("RATE_LIMIT_AUTH", "5", "count/seconds"),
        ("MAX_CONNECTIONS_PER_ADDRESS", "-1", "at least 0"),
        ("PARTICIPANT_TYPES", "User,admin", "lower-case words"),
        ("PARTICIPANT_TYPES", "user,,admin", "lower-case words"),
        ("PARTICIPANT_TYPES", "user,a1", "lower-case words"),
    ],
)
def test_a_wrong_value_is_named_with_what_would_be_right(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, right: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings(None)
    assert f"{name}={value}" in str(caught.value)
    assert right in str(caught.value)


@pytest.mark.parametrize("value", ["short", "s" * 31, f"{SECRET},short", f"{SECRET},", f"s{' ' * 40}", " " * 40])
def test_a_short_secret_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("AUTH_SECRET", value)
    with pytest.raises(SettingsError, match=r"AUTH_SECRET=\*\*\* .* at least 32 bytes") as caught:
        load_settings(None)
    assert value not in str(caught.value)


def test_every_wrong_setting_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WS_PORT", "x")
    monkeypatch.setenv("LOG_FORMAT", "y")
    with pytest.raises(SettingsError, match=r"(?s)WS_PORT=x.*LOG_FORMAT=y"):
        load_settings(None)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.org", "::", "128.0.0.1"])
def test_trusted_mode_is_refused_where_others_can_reach_it(host: str) -> None:
    with pytest.raises(SettingsError, match=f"AUTH_MODE=trusted with WS_HOST={host}"):
        load_settings(None, auth_mode="trusted", ws_host=host)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "::1"])
def test_trusted_mode_is_taken_on_loopback(host: str) -> None:
    assert load_settings(None, auth_mode="trusted", ws_host=host).is_loopback


@pytest.mark.parametrize("host", ["127.evil.example", "127.0.0.1.evil.example"])
def test_a_name_that_only_looks_like_loopback_is_none(host: str) -> None:
    with pytest.raises(SettingsError, match="AUTH_MODE=trusted"):
        load_settings(None, auth_mode="trusted", ws_host=host)


def test_token_mode_needs_a_key() -> None:
    with pytest.raises(SettingsError, match=r"AUTH_SECRET is not set.*at least 32 bytes"):
        require_keys(load_settings(None))
    for key in ({"auth_secret": SECRET}, {"auth_public_key": "key.pem"}, {"auth_jwks_url": "https://example.org/jwks"}):
        require_keys(load_settings(None, **key))
    require_keys(load_settings(None, auth_mode="trusted"))


def test_the_environment_goes_before_the_file_and_empty_is_unset(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("WS_PORT=1001\nWS_HOST=from.file\nUNRELATED=1\n")
    monkeypatch.setenv("WS_PORT", "1002")
    monkeypatch.setenv("WS_HOST", "")
    settings = load_settings(env_file)
    assert (settings.ws_port, settings.ws_host) == (1002, "from.file")


def test_db_host_takes_the_place_of_the_url() -> None:
    settings = load_settings(None, db_host="db.example", db_user="u", db_password="p@ss/word", db_name="n")
    url = settings.url
    assert (url.get_backend_name(), url.host, url.port, url.username, url.password, url.database) == (
        "mysql",
        "db.example",
        3306,
        "u",
        "p@ss/word",
        "n",
    )
    assert load_settings(None).url.get_backend_name() == "sqlite"


def test_a_list_is_separated_by_commas() -> None:
    settings = load_settings(None, allowed_origins=" https://a.example , https://b.example,")
    assert settings.listed("allowed_origins") == ("https://a.example", "https://b.example")
    assert settings.listed("api_key") == ()


def test_a_rate_is_a_count_over_seconds() -> None:
    assert parse_rate("100/10") == (100, 10.0)
    assert parse_rate("1/0.5") == (1, 0.5)
    assert parse_rate("off") is None


def test_the_limits_of_a_participant_are_that_of_messages_unless_they_are_set() -> None:
    settings = load_settings(None, rate_limit_messages="5/1", rate_limit_search="off", rate_limit_typing="7/2")
    assert {limit.value: settings.rate(limit) for limit in Limit} == {
        "messages": (5, 1.0),
        "changes": (5, 1.0),
        "typing": (7, 2.0),
        "history": (5, 1.0),
        "search": None,
        "requests": (3000, 10.0),
        "auth": (600, 60.0),
    }
