"""What the terminal client makes of what is written: commands, completions, texts that are fit for a terminal."""

from datetime import UTC, date, datetime, timedelta

import pytest

from bihak.chat.clean import clean, clean_line
from bihak.chat.commands import Line, listed, parse
from bihak.chat.completion import complete
from bihak.chat.when import ago, day_name

PEOPLE = ("Aline Uwase", "Alain Nkusi", "Grace Mukamana")
PLACES = ("Green energy team", "Grace Mukamana")


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        ("hello", Line(None, "hello")),
        ("/react  👍 ", Line("react", "👍")),
        ("/del", Line("delete", "")),
        ("/re", Line("re", "")),
        ("/EDIT new words", Line("edit", "new words")),
        ("/usr/bin is a path", Line(None, "/usr/bin is a path")),
        ("//slashes", Line(None, "/slashes")),
        ("/", Line(None, "/")),
        ("/ 2", Line(None, "/ 2")),
    ],
)
def test_a_slash_and_a_word_are_a_command(line: str, parsed: Line) -> None:
    assert parse(line) == parsed


def test_people_are_listed_with_commas_and_a_name_after_a_colon() -> None:
    assert listed("Eric") == (["Eric"], None)
    assert listed(" Eric, Grace :  Our team ") == (["Eric", "Grace"], "Our team")
    assert listed("") == ([], None)


@pytest.mark.parametrize(
    ("before", "start", "candidates"),
    [
        ("/se", 0, ("/search ",)),
        ("/re", 0, ("/reply ", "/react ", "/rename ", "/remove ", "/retry ")),
        ("hello @al", 6, ("@Alain Nkusi ", "@Aline Uwase ")),
        ("@muka", 0, ("@Grace Mukamana ",)),
        ("mail@al", 0, ()),
        ("/open gr", 6, ("Grace Mukamana", "Green energy team")),
        ("/new Aline Uwase, gr", 18, ("Grace Mukamana",)),
        ("/status a", 8, ("away",)),
        ("nothing", 0, ()),
    ],
)
def test_tab_offers_what_may_stand_there(before: str, start: int, candidates: tuple[str, ...]) -> None:
    assert complete(before, PEOPLE, PLACES) == (start, candidates)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b]0;title\x07b", "a\ufffd]0;title\ufffdb"),
        ("a\x9b31mb", "a\ufffd31mb"),
        ("gnp.\u202eexe", "gnp.exe"),
        ("line\r\nnext\tcell", "line\nnext    cell"),
        ("\N{WOMAN}\N{ZERO WIDTH JOINER}\N{MICROSCOPE}", "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{MICROSCOPE}"),
        ("日本語 é", "日本語 é"),
    ],
)
def test_nothing_that_is_written_commands_the_terminal(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_a_line_stays_a_line() -> None:
    assert clean_line(" one\n\n two ") == "one two"


@pytest.mark.parametrize(
    ("days", "name"),
    [
        (0, "Today"),
        (1, "Yesterday"),
        (3, "Friday"),
        (30, "Saturday, 3 May"),
        (400, "Sunday, 28 April 2024"),
        (-1, "Tuesday, 3 June"),
    ],
)
def test_days_are_said_as_people_say_them(days: int, name: str) -> None:
    today = date(2025, 6, 2)
    assert day_name(today - timedelta(days=days), today) == name


def test_how_long_ago_is_said_shortly() -> None:
    now = datetime(2025, 6, 3, 12, 30, tzinfo=UTC)
    told = [ago(now - timedelta(minutes=minutes), now) for minutes in (0, 5, 90, 1500)]
    assert told == ["just now", "5 min ago", "at 11:00", "Yesterday"]
