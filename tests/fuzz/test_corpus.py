"""What the coverage-guided fuzzer starts from, and what it has found, again."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.guided import CORPUS, main
from tests.fuzz.thrown import Thrower


@pytest.fixture(scope="module")
def thrower(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Thrower]:
    made = Thrower(tmp_path_factory.mktemp("corpus"))
    yield made
    made.close()


@pytest.mark.parametrize("path", sorted(CORPUS.iterdir()), ids=lambda path: path.name)
def test_frames_of_the_corpus_get_one_answer_each(thrower: Thrower, path: Path) -> None:
    thrower.throw(path.read_bytes())
    thrower.throw(b"-\n" + path.read_bytes())


def test_the_corpus_has_a_frame_of_every_command(thrower: Thrower) -> None:
    there = {path.stem for path in CORPUS.iterdir()}
    assert {command.name for command in thrower.commands} <= there


def test_fuzzing_without_atheris_says_so_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "atheris", None)
    monkeypatch.setattr(sys, "argv", ["guided"])
    assert main() == 2
    assert "atheris, which it needs, is not installed" in capsys.readouterr().err
