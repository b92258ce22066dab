"""Several windows of one person: nothing written is lost, or sent twice."""

import subprocess
import sys
from pathlib import Path

from bihak.chat.windows import Claim
from bihak.client.outbox import Draft
from bihak.client.shelf import FileShelf

WINDOW = """
import os, sys
from pathlib import Path
from bihak.chat.windows import Claim
claim = Claim(Path(sys.argv[1]), "unsent")
print(claim.path.name, flush=True)
sys.stdin.read()
"""


def draft(key: str) -> Draft:
    return Draft(key=key, conversation_id=1, content=key, reply_to_id=None, created_at="2026")


def put(path: Path, *keys: str) -> None:
    shelf = FileShelf(path)
    for key in keys:
        shelf.put(draft(key))
    shelf.close()


def keys(path: Path) -> list[str]:
    shelf = FileShelf(path)
    found = [each.key for each in shelf.load()]
    shelf.close()
    return found


def test_each_window_has_a_file_and_the_next_gets_what_others_left(tmp_path: Path) -> None:
    first, second = Claim(tmp_path, "unsent"), Claim(tmp_path, "unsent")
    somebody_else = Claim(tmp_path, "unsent2")
    assert [each.path.name for each in (first, second, somebody_else)] == ["unsent.db", "unsent-2.db", "unsent2.db"]
    put(first.path, "a", "b")
    put(second.path, "c", "b")  # as after a take-over that was interrupted
    put(somebody_else.path, "z")

    third = Claim(tmp_path, "unsent")
    assert keys(second.path) == ["c", "b"], "a window that is open keeps its own"
    assert not third.path.exists()
    third.release()
    second.release()
    fourth = Claim(tmp_path, "unsent")
    assert (fourth.path.name, keys(fourth.path)) == ("unsent-2.db", ["c", "b"])
    fourth.release()
    first.release()
    last = Claim(tmp_path, "unsent")
    assert (last.path.name, keys(last.path)) == ("unsent.db", ["a", "b", "c"])
    assert sorted(path.name for path in tmp_path.glob("*.db")) == ["unsent.db", "unsent2.db"]
    last.release()
    somebody_else.release()


def test_a_window_that_was_killed_lets_go_of_its_file(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WINDOW, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as window:
        assert window.stdout is not None
        assert window.stdout.readline() == "unsent.db\n"
        put(tmp_path / "unsent.db", "a")
        here = Claim(tmp_path, "unsent")
        assert here.path.name == "unsent-2.db"
        window.kill()
    here.release()
    again = Claim(tmp_path, "unsent")
    assert (again.path.name, keys(again.path)) == ("unsent.db", ["a"])
    again.release()
