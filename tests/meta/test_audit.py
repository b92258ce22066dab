"""`make audit` says that all is well only if it has found out."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.servers import free_port
from tools.configuration import ROOT

PINS = "attrs==26.1.0\nPyMySQL==1.2.4\n"
FLAW = {
    "id": "PYSEC-2026-1",
    "affected": [
        {
            "package": {"name": "pymysql", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.2.5"}]}],
        }
    ],
}


@contextmanager
def advisories(flaws: dict[str, list[dict[str, Any]]], status: int = 200) -> Iterator[tuple[str, list[str]]]:
    """A service on loopback that knows these flaws, by package; its address, and what it was asked about."""
    asked: list[str] = []

    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = query["package"]["name"].lower()
            asked.append(name)
            body = json.dumps({"vulns": flaws[name]} if name in flaws else {}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def audit(folder: Path, service: str) -> tuple[int, str]:
    (folder / "pins.txt").write_text(PINS)
    command = [sys.executable, str(ROOT / "tools" / "audit.py"), "pins.txt", "--service", service]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_an_audit_in_which_all_was_checked_and_is_well_ends_with_0(tmp_path: Path) -> None:
    with advisories({}) as (service, asked):
        assert audit(tmp_path, service) == (0, "2 packages checked, 0 of them vulnerable.\n")
    assert sorted(asked) == ["attrs", "pymysql"]


def test_an_audit_names_what_is_vulnerable_and_fails(tmp_path: Path) -> None:
    with advisories({"pymysql": [FLAW]}) as (service, _):
        status, said = audit(tmp_path, service)
    assert status == 1
    assert "1.2.4: PYSEC-2026-1; 1.2.5" in said


def test_an_audit_that_could_not_check_says_so_and_fails(tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/v1/query"
    with advisories({}, status=500) as (broken, _):
        for service in (nobody, broken):
            status, said = audit(tmp_path, service)
            assert (status, "NOT CHECKED" in said) == (2, True), said
