"""Starting: what the server says, and when it refuses."""

import socket
from pathlib import Path

import pytest

from tests.e2e.conftest import Connect, StartServer
from tests.e2e.server import SECRET, run_bihak


def test_the_first_lines_say_where_and_how(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server("--demo", anew=True)
    said = server.said()
    assert f"listening  ws://localhost:{server.port}" in said
    assert "SQLite, bihak-demo.db" in said
    assert "trusted" in said
    assert f"http://localhost:{server.port}/" in said
    assert (tmp_path / "bihak-demo.db").exists()


def test_the_first_lines_say_token_mode(start_server: StartServer) -> None:
    server = start_server(AUTH_SECRET=SECRET)
    assert "auth mode  token" in server.said()
    assert SECRET not in server.said() + "".join(server.log_lines())


def test_settings_come_from_an_env_file_too(start_server: StartServer, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"AUTH_SECRET={SECRET}\nDATABASE_URL=sqlite:///elsewhere.db\n")
    assert "SQLite, elsewhere.db" in start_server().said()


async def test_the_demo_is_filled_once(start_server: StartServer, connect: Connect) -> None:
    for _ in range(2):
        server = start_server("--demo")
        client = await connect(server)
        assert (await client.auth("user_1"))["conversations"] == [1, 2]
        assert server.stop() == 0


def test_without_a_secret_it_does_not_start(tmp_path: Path) -> None:
    done = run_bihak(tmp_path, "serve", "--port", "0")
    assert done.returncode == 2
    assert "AUTH_SECRET" in done.stderr
    assert "--demo" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "name", "value", "right"),
    [
        ([], {"AUTH_MODE": "trusted", "WS_HOST": "0.0.0.0"}, "AUTH_MODE", "trusted", "AUTH_MODE=token"),
        (["--demo", "--host", "0.0.0.0"], {}, "WS_HOST", "0.0.0.0", "localhost"),
        ([], {"WS_PORT": "eighty"}, "WS_PORT", "eighty", "whole number"),
        ([], {"WS_PORT": "70000"}, "WS_PORT", "70000", "65535"),
        ([], {"AUTH_MODE": "open"}, "AUTH_MODE", "open", "trusted"),
        ([], {"LOG_FORMAT": "xml"}, "LOG_FORMAT", "xml", "json"),
        ([], {"RATE_LIMIT_MESSAGES": "many"}, "RATE_LIMIT_MESSAGES", "many", "count/seconds"),
        ([], {"DATABASE_URL": "mongodb://x"}, "DATABASE_URL", "mongodb", "sqlite"),
        ([], {"DATABASE_URL": "sqlite:///no/such/folder/x.db"}, "DATABASE_URL", "no/such/folder", "folder"),
        ([], {"MAX_FRAME_BYTES": "0"}, "MAX_FRAME_BYTES", "0", "1024"),
        ([], {"REDIS_URL": "redis://x"}, "REDIS_URL", "redis://x", "MySQL or MariaDB"),
        ([], {"WS_HOST": "no.such.host.invalid"}, "WS_HOST", "no.such.host.invalid", "address"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value_and_what_is_right(
    tmp_path: Path, arguments: list[str], environment: dict[str, str], name: str, value: str, right: str
) -> None:
    done = run_bihak(tmp_path, "serve", *arguments, **{"WS_PORT": "0", "AUTH_SECRET": SECRET} | environment)
    assert done.returncode == 2
    assert name in done.stderr
    assert value in done.stderr
    assert right in done.stderr
    assert "Traceback" not in done.stderr


def test_a_secret_that_is_too_short_is_not_shown(tmp_path: Path) -> None:
    done = run_bihak(tmp_path, "serve", "--port", "0", AUTH_SECRET="too-short")
    assert done.returncode == 2
    assert "AUTH_SECRET" in done.stderr
    assert "32" in done.stderr
    assert "too-short" not in done.stderr


def test_a_second_process_on_the_same_file_is_refused(start_server: StartServer, tmp_path: Path) -> None:
    first = start_server("--demo")
    done = run_bihak(tmp_path, "serve", "--demo", "--port", "0")
    assert done.returncode == 2
    assert "bihak-demo.db is in use" in done.stderr
    assert first.is_running()


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = run_bihak(tmp_path, "serve", "--demo", "--port", port)
    assert done.returncode == 2
    assert port in done.stderr
    assert "WS_PORT" in done.stderr


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bihak-demo.db").write_text("This is a letter, not a database. " * 100)
    done = run_bihak(tmp_path, "serve", "--demo", "--port", "0")
    assert done.returncode == 2
    assert "bihak-demo.db" in done.stderr


def test_a_token_for_nobody_is_refused(tmp_path: Path) -> None:
    for user_id in ("nobody", "robot_1"):
        done = run_bihak(tmp_path, "token", user_id, AUTH_SECRET=SECRET)
        assert done.returncode == 2
        assert user_id in done.stderr
        assert done.stdout == ""
