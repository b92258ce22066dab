"""What somebody wrote, made fit for a terminal."""

import unicodedata

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_HARMLESS = frozenset("\n\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}")
"""Joiners make one emoji of several, and are part of some scripts."""


def clean(text: str) -> str:
    """Without what would move the cursor, change colours or turn the direction of writing: a terminal obeys it."""
    text = text.replace("\r\n", "\n").replace("\t", "    ")
    return "".join(map(_fit, text))


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
