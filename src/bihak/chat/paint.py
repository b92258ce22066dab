"""How a message looks: lines of styled text for a given width. Wide characters are counted as the cells they take."""

import re
from zlib import crc32

from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.text import Text

from bihak.chat.blocks import Block, Tick

BLUE = "#1cabe2"
NAME_COLOURS = ("#f5a97f", "#a6da95", "#c6a0f6", "#eed49f", "#f5bde6", "#8bd5ca", "#ed8796", "#b7bdf8")
DIM = Style(color="#8b93a7")
RULE = Style(color="#4a5064")
NEW = Style(color="#f5a97f")
ACCENT = Style(color=BLUE)
LINK = Style(underline=True)
PROBLEM = Style(color="#ed8796")
DELETED = Style(color="#8b93a7", italic=True)
MINE = Style(bgcolor="#123a4d")
MENTION = Style(color="#eed49f", bold=True)

DOTS = {"online": ("●", "#a6da95"), "away": ("◐", "#eed49f"), "offline": ("○", "#8b93a7")}

MOST_TEXT_CELLS = 72
MARGIN_CELLS = 6
"""What is left free beside a text, so that one sees at a glance whose it is."""
_URL = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]}']")
_MENTION = re.compile(r"(?<!\w)@\w+(?: [A-Z]\w+)?")


def name_style(user_id: str) -> Style:
    """The same colour for somebody everywhere and always."""
    return Style(color=NAME_COLOURS[crc32(user_id.encode()) % len(NAME_COLOURS)], bold=True)


def paint(block: Block, width: int, console: Console) -> list[Text]:
    """The block's lines, none wider than `width`."""
    lines = [Text()] if block.begins else []
    if block.day is not None:
        lines += [_rule(block.day, width, RULE, DIM), Text()]
    if block.first_unread:
        lines += [_rule("New", width, NEW, NEW), Text()]
    body = _mine(block, width, console) if block.mine else _theirs(block, width, console)
    for line in lines + body:
        line.truncate(width)
    return lines + body


def _rule(words: str, width: int, rule: Style, style: Style) -> Text:
    side = max(0, (width - cell_len(words) - 2) // 2)
    return Text.assemble(("─" * side, rule), (f" {words} ", style), ("─" * (width - side - cell_len(words) - 2), rule))


def _theirs(block: Block, width: int, console: Console) -> list[Text]:
    lines = []
    if block.begins:
        lines.append(Text.assemble((block.name, name_style(block.sender)), (f"  {block.time}", DIM)))
    inner = min(MOST_TEXT_CELLS, width - MARGIN_CELLS)
    content = _content(block, inner, console)
    return lines + [Text("  ") + line for line in content]


def _mine(block: Block, width: int, console: Console) -> list[Text]:
    """Set to the right, on a ground of its own, with the time and the tick after the last line."""
    foot = _foot(block)
    inner = min(MOST_TEXT_CELLS, width - MARGIN_CELLS - foot.cell_len)
    content = _content(block, inner, console)
    widest = max(line.cell_len for line in content)
    lines = []
    for number, line in enumerate(content, 1):
        text = Text(" ") + line
        text.pad_right(widest + 1 - line.cell_len)
        text.stylize_before(MINE)
        text.append_text(foot if number == len(content) else Text(" " * foot.cell_len))
        lines.append(Text(" " * max(0, width - text.cell_len)) + text)
    if block.problem:
        words = Text(f"Not sent: {block.problem}  /retry or /discard", style=PROBLEM)
        words.truncate(width)
        lines.append(Text(" " * max(0, width - words.cell_len)) + words)
    return lines


def _foot(block: Block) -> Text:
    tick = block.tick.value.ljust(2)
    style = {Tick.READ: ACCENT, Tick.FAILED: PROBLEM}.get(block.tick, DIM)
    return Text.assemble((f" {block.time} ", DIM), (tick, style))


def _content(block: Block, width: int, console: Console) -> list[Text]:
    lines: list[Text] = []
    if block.quote is not None:
        who, what = block.quote
        quoted = Text.assemble(("▎", ACCENT), (f"{who}: {what}" if what else who, DIM))
        quoted.truncate(width, overflow="ellipsis")
        lines.append(quoted)
    if block.deleted:
        return [*lines, Text("This message was deleted.", style=DELETED)]
    text = Text(block.text)
    text.highlight_regex(_URL, LINK)
    text.highlight_regex(_MENTION, MENTION if block.mentions_me else ACCENT)
    if block.edited:
        text.append(" (edited)", DIM)
    if block.pinned:
        text.append(" 📌")
    for line in text.wrap(console, width):
        line.rstrip()
        lines.append(line)
    if block.reactions:
        reactions = Text("  ").join(
            Text(f"{emoji} {count}", style=ACCENT if own else DIM) for emoji, count, own in block.reactions
        )
        reactions.truncate(width, overflow="ellipsis")
        lines.append(reactions)
    return lines
