"""Which pages may connect."""

import pytest

from bihak.transports.auth import Origins

OWN = "chat.example.org:8443"
ALLOWED = "https://platform.example.org"


def allows(origin: str | None, *, trusted: bool = False, scheme: str = "https") -> bool:
    return Origins([ALLOWED], trust_loopback=trusted).allows(origin, OWN, scheme)


@pytest.mark.parametrize("origin", [None, ALLOWED, f"https://{OWN}"])
def test_our_own_pages_the_allowed_ones_and_programs_may_connect(origin: str | None) -> None:
    assert allows(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "https://evil.example",
        f"{ALLOWED}.evil.example",
        f"https://evil.{ALLOWED[8:]}",
        "https://evilplatform.example.org",
        f"{ALLOWED}:444",
        f"{ALLOWED}/",
        f"{ALLOWED} ",
        f" {ALLOWED}",
        ALLOWED.upper(),
        "http://platform.example.org",
        "https://user@platform.example.org",
        f"{ALLOWED}@evil.example",
        "https://chat.example.org",
        "https://chat.example.org:443",
        f"http://{OWN}",
        f"https://{OWN}0",
        f"wss://{OWN}",
        f"https://{OWN}.evil.example",
        "file://",
        "https://",
        "platform.example.org",
        "*",
        "https://*",
        "\0",
    ],
)
def test_whoever_only_looks_like_them_may_not(origin: str) -> None:
    assert not allows(origin)


@pytest.mark.parametrize(
    "origin", ["http://localhost", "http://localhost:3000", "http://127.0.0.1", "http://127.0.0.1:5173"]
)
def test_pages_from_this_machine_may_connect_in_trusted_mode_only(origin: str) -> None:
    assert allows(origin, trusted=True)
    assert not allows(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "http://localhost.evil.example",
        "http://localhost:3000.evil.example",
        "http://127.0.0.1.evil.example",
        "http://evil.example/localhost",
        "http://localhost@evil.example",
        "http://evil@localhost",
        "http://localhost:99999",
        "http://localhost:x",
        "http://localhost/",
        "http://localhost?x",
        "http://localhost#x",
        "http://[::1]",
        "ftp://localhost",
        "http://127.0.0.2",
        "http://LOCALHOST.",
        "http://localhost:",
        "https://evil.example",
    ],
)
def test_pages_that_only_look_like_this_machines_may_not_even_then(origin: str) -> None:
    assert not allows(origin, trusted=True)
