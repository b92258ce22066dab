"""What may be written after a slash, and how lines are taken apart."""

from typing import NamedTuple


class Command(NamedTuple):
    """`takes` says what follows the name; `about` what it does."""

    name: str
    takes: str
    about: str


COMMANDS = (
    Command("reply", "[TEXT]", "answer the chosen message, or the last one of the others"),
    Command("edit", "[TEXT]", "change your chosen message, or your last one"),
    Command("delete", "", "delete your chosen message, or your last one"),
    Command("react", "EMOJI", "react to the chosen message, or the last one; again: take it back"),
    Command("pin", "", "pin the chosen message; again: take the pin off"),
    Command("search", "WORDS", "find messages in all conversations"),
    Command("open", "NAME", "go to another conversation"),
    Command("new", "WHO[, WHO...] [: NAME]", "begin a conversation"),
    Command("people", "[NAME]", "find people to write to"),
    Command("who", "", "who is in this conversation"),
    Command("rename", "NAME", "give this conversation another name"),
    Command("add", "WHO[, WHO...]", "take people in"),
    Command("remove", "WHO", "take somebody out"),
    Command("leave", "", "leave this conversation"),
    Command("status", "online|away|offline", "how you appear to others"),
    Command("retry", "", "send what failed again"),
    Command("discard", "", "give up what failed"),
    Command("help", "", "keys and commands"),
    Command("quit", "", "leave the chat; also Ctrl+D"),
)

NAMES = tuple(command.name for command in COMMANDS)


class Line(NamedTuple):
    """What was written: a command and what follows it, or a message."""

    command: str | None
    text: str


def parse(line: str) -> Line:
    """A slash and a word are a command; two slashes are a message that begins with one.

    The beginning of one command's name stands for it. A word that begins none is kept as it is.
    """
    if line.startswith("//"):
        return Line(None, line[1:])
    slash, word, rest = line[:1], *line[1:].partition(" ")[::2]
    if slash != "/" or not word.isalpha():
        return Line(None, line)
    word = word.lower()
    fits = [word] if word in NAMES else [name for name in NAMES if name.startswith(word)]
    return Line(fits[0] if len(fits) == 1 else word, rest.strip())


def listed(text: str) -> tuple[list[str], str | None]:
    """`Eric, Grace: Our team` as its people and its name."""
    people, colon, name = text.partition(":")
    return [who.strip() for who in people.split(",") if who.strip()], (name.strip() or None) if colon else None
