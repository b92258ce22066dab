"""What somebody wrote, made fit for a terminal."""

import re
import unicodedata

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_HARMLESS = frozenset("\n\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}")
"""Joiners make one emoji of several, and are part of some scripts."""
_JOINS_NOTHING = re.compile(r"(?<![^\s\u200d])\u200d|\u200d(?![^\s\u200d])")
"""A joiner without a letter on either side. Rich loses count of the cells over it, and fails."""


def clean(text: str) -> str:
    """Without what would move the cursor, change colours or turn the direction of writing: a terminal obeys it."""
    text = text.replace("\r\n", "\n").replace("\t", "    ")
    return _JOINS_NOTHING.sub("", "".join(map(_fit, text)))


def clean_line(text: str) -> str:
    """The same in one line."""
    return " ".join(clean(text).split())


def _fit(letter: str) -> str:
    if letter in _HARMLESS:
        return letter
    category = unicodedata.category(letter)
    if category == "Cf":  # invisible anyway
        return ""
    return REPLACEMENT if category in ("Cc", "Cs", "Co", "Zl", "Zp") else letter
