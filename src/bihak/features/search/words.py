"""The words of a text: ASCII letters, digits and `_`, each of four letters or more and beginning alike."""

import unicodedata

from bihak.protocol.types import Participant

LONGEST_WORD = 77
"""MariaDB leaves out tokens of more than 84 characters, so of a longer word the beginning stands for it."""
MAX_KNOWN_LETTERS = 20_000
_UNSPACED = (
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF)),  # Thai and Lao, Myanmar, Khmer
    *((0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3040, 0x30FF), (0x3400, 0x9FFF), (0x20000, 0x3FFFF)),  # Han, kana
)


class _Letters(dict[int, str]):
    """For `str.translate`: what becomes of each character of a text whose accents stand by themselves."""

    def __missing__(self, code: int) -> str:
        letter = _letter(chr(code))
        if len(self) < MAX_KNOWN_LETTERS:
            self[code] = letter
        return letter


def _letter(char: str) -> str:
    code, category = ord(char), unicodedata.category(char)
    if char.isascii():
        return char if char.isalnum() else " "
    if any(first <= code <= last for first, last in _UNSPACED):
        return f" {_escaped(code)} "  # written without spaces, so each letter is a word
    if unicodedata.combining(char) or category == "Cf" or 0xFE00 <= code <= 0xFE0F:
        return ""  # accents, and what only changes how others look
    if category == "So":
        return f" {_escaped(code)} "  # an emoji is a word
    return _escaped(code) if category[0] in "LMN" else " "


def _escaped(code: int) -> str:
    """In letters, digits and `_`, of a length that shows where the next one begins: so prefixes stay prefixes."""
    return f"_{_base36(code, 3)}" if code < 36**3 else f"__{_base36(code, 4)}"


def _base36(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits


_LETTERS = _Letters()
_ASCII = "".join(_letter(chr(code)).lower() for code in range(128)).encode().ljust(256)
"""The same, for text that is nothing else."""


def words_of(text: str) -> list[str]:
    """The tokens of `text`, each once: its words without case and accents, each letter of unspaced scripts, emoji."""
    return [f"xqw{word}" for word in plain_words(text)]


def plain_words(text: str) -> dict[str, None]:
    """The same, without what each token begins with."""
    if text.isascii():
        text = text.encode().translate(_ASCII).decode()
    else:
        text = unicodedata.normalize("NFKD", text).casefold().translate(_LETTERS)
    words = dict.fromkeys(text.split())
    if len(text) > LONGEST_WORD and any(len(word) > LONGEST_WORD for word in words):
        words = dict.fromkeys(word[:LONGEST_WORD] for word in words)
    return words


def in_conversation(conversation_id: int) -> str:
    """The token of every message in it: in one conversation the index then looks at no other."""
    return f"xqc{conversation_id}"


def sent_by(who: Participant) -> str:
    """The token of everything that somebody sent."""
    return f"xqs{who.type}{who.id}"
