"""The web client's words: each language has all of them, and none is there for nothing."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bihak import errors
from tests.servers import require_program

WEB = Path(__file__).parent.parent.parent / "src" / "bihak" / "web"
LANGUAGES = sorted(path.stem for path in (WEB / "app" / "words").glob("*.js"))
DUMP = "import { words } from %s; console.log(JSON.stringify(words));"

Phrase = str | dict[str, str]


def load_words(language: str) -> dict[str, Phrase]:
    """As the browser would: the file is a module."""
    address = json.dumps((WEB / "app" / "words" / f"{language}.js").as_uri())
    command = [require_program("node", "nodejs"), "--input-type=module", "--eval", DUMP % address]
    found: Any = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return dict(found)


def places(phrase: Phrase) -> set[str]:
    wordings = [phrase] if isinstance(phrase, str) else list(phrase.values())
    return set(re.findall(r"\{(\w+)\}", " ".join(wordings)))


@pytest.fixture(scope="module")
def english() -> dict[str, Phrase]:
    return load_words("en")


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_each_language_says_all_that_english_says(language: str, english: dict[str, Phrase]) -> None:
    words = load_words(language)
    assert set(words) == set(english)
    for key, phrase in words.items():
        assert places(phrase) == places(english[key]), key
        assert isinstance(phrase, str) == isinstance(english[key], str), key
        assert isinstance(phrase, str) or "other" in phrase, key


def test_each_word_is_used_and_each_used_word_is_there(english: dict[str, Phrase]) -> None:
    code = "".join(path.read_text() for path in WEB.rglob("*.js") if path.parent.name != "words")
    assert [key for key in english if f'"{key}"' not in code] == []
    assert set(re.findall(r'\bt\("([^"]+)"', code)) <= set(english)


def test_each_code_of_an_error_has_words() -> None:
    worded = re.findall(r"^  (\w+): \(\) => t\(\"error", (WEB / "app" / "wording.js").read_text(), re.MULTILINE)
    library = re.findall(r'code: "(\w+)"', (WEB / "sdk" / "requests.js").read_text())
    server = {kind.code for kind in every_kind(errors.ChatError)}
    assert len(server) > 15
    assert (server | set(library)) - set(worded) == set()


def every_kind(kind: type[errors.ChatError]) -> list[type[errors.ChatError]]:
    kinds = kind.__subclasses__()
    return kinds + [below for each in kinds for below in every_kind(each)]


def test_each_language_is_offered() -> None:
    offered = re.findall(r"^  (\w+): \{ name: ", (WEB / "app" / "words.js").read_text(), re.MULTILINE)
    assert sorted(offered) == LANGUAGES
