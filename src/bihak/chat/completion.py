"""What Tab makes of the word before the cursor."""

from collections.abc import Iterable
from typing import NamedTuple

from bihak.chat.commands import NAMES

WHO = ("new", "add", "remove", "people")
STATUSES = ("online", "away", "offline")
EMOJI = ("👍", "❤️", "😂", "🎉", "😮", "😢", "🙏", "👀", "✅")


class Completion(NamedTuple):
    """`candidates` may take the place of the text from `start` to the cursor."""

    start: int
    candidates: tuple[str, ...]


NOTHING = Completion(0, ())


class Completing:
    """Which candidate Tab has come to."""

    def __init__(self) -> None:
        self._found = NOTHING
        self.at = -1

    @property
    def candidates(self) -> tuple[str, ...]:
        return self._found.candidates

    def clear(self) -> None:
        self._found, self.at = NOTHING, -1

    def written(self, before: str, people: Iterable[str], conversations: Iterable[str]) -> None:
        """The text before the cursor is another one."""
        if self.at != -1 and before[self._found.start :] in self.candidates:
            return  # a candidate that was put there
        found = complete(before, people, conversations)
        self._found = NOTHING if found.candidates == (before[found.start :],) else found
        self.at = -1

    def step(self, by: int) -> tuple[int, str] | None:
        """What is to be put there next, and from where to the cursor."""
        if not self.candidates:
            return None
        self.at = (self.at + by) % len(self.candidates)
        chosen = self.candidates[self.at]
        if len(self.candidates) == 1:
            self.at = -1  # it is taken; what may follow it comes next
        return self._found.start, chosen


def complete(before: str, people: Iterable[str], conversations: Iterable[str]) -> Completion:
    """For the text before the cursor: commands, what they take, and people after an `@`."""
    if before.startswith("/") and " " not in before and "\n" not in before:
        return Completion(0, tuple(f"/{name} " for name in NAMES if name.startswith(before[1:].lower())))
    if before.startswith("/"):
        found = _argument(before, people, conversations)
        if found.candidates:
            return found
    at = before.rfind("@")
    if at != -1 and (at == 0 or before[at - 1].isspace()):
        return Completion(at, tuple(f"@{name} " for name in _beginning_with(before[at + 1 :], people)))
    return NOTHING


def _argument(before: str, people: Iterable[str], conversations: Iterable[str]) -> Completion:
    command = before[1 : before.index(" ")].lower()
    start = before.index(" ") + 1
    if command == "open":
        return Completion(start, _beginning_with(before[start:], conversations))
    if command == "status":
        return Completion(start, _beginning_with(before[start:], STATUSES))
    if command == "react":
        return Completion(start, EMOJI if before[start:] in ("", *EMOJI) else ())
    if command in WHO:
        start = max(start, before.rfind(",") + 1)
        start += len(before[start:]) - len(before[start:].lstrip())
        return Completion(start, _beginning_with(before[start:], people))
    return NOTHING


def _beginning_with(text: str, names: Iterable[str]) -> tuple[str, ...]:
    """Names of which some word begins with `text`; without it, all. Those that begin with it come first."""
    wanted = text.casefold()
    fits = {name for name in names if _fits(wanted, name.casefold())}
    return tuple(sorted(fits, key=lambda name: (not name.casefold().startswith(wanted), name.casefold())))


def _fits(wanted: str, name: str) -> bool:
    return name.startswith(wanted) or any(word.startswith(wanted) for word in name.split())
