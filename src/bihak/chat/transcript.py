"""The messages of the open conversation: a scrolling view that draws only the lines on the screen."""

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from bihak.chat.blocks import Block
from bihak.chat.paint import paint

NEAR_TOP_LINES = 5
CHOSEN = RichStyle(bgcolor="#2b3145")


class Transcript(ScrollView, can_focus=False):
    """Stays at the end when it is there, and else where it is, whatever comes above or below."""

    class NearTop(Message):
        """Older messages are wanted."""

    class EndSeen(Message):
        """The end has come into view, or has gone out of it."""

        def __init__(self, seen: bool) -> None:
            super().__init__()
            self.seen = seen

    def __init__(self) -> None:
        super().__init__(id="transcript")
        self.chosen: str | None = None
        self._blocks: list[Block] = []
        self._painted: dict[tuple[Block, int], list[Strip]] = {}
        self._lines: list[tuple[Strip, str]] = []
        self._tops: dict[str, int] = {}
        self._follows = True

    @property
    def at_end(self) -> bool:
        """Whether what is said next is seen."""
        return self._follows

    def show(self, blocks: list[Block], *, afresh: bool = False) -> None:
        """`afresh`: another conversation, to be read from its end."""
        if afresh:
            self.chosen = None
            self._follows = True
        self._blocks = blocks
        if self.chosen not in {block.key for block in blocks}:
            self.chosen = None
        self._lay_out()

    def choose(self, step: int) -> None:
        """Moves the choice up or down; below the last message nothing is chosen."""
        keys = [block.key for block in self._blocks]
        at = keys.index(self.chosen) if self.chosen in keys else len(keys)
        at = max(0, at + step)
        if at == len(keys):
            self.to_end()
        self.choose_this(keys[at] if at < len(keys) else None)

    def choose_this(self, key: str | None) -> None:
        self.chosen = key
        if key is not None:
            self.bring_into_view(key)
        self.refresh()

    def choose_none(self) -> None:
        self.choose_this(None)

    @property
    def chosen_block(self) -> Block | None:
        return next((block for block in self._blocks if block.key == self.chosen), None)

    def bring_into_view(self, key: str) -> None:
        top = self._tops.get(key)
        if top is None:
            return
        keys: Sequence[str] = list(self._tops)
        following = keys.index(key) + 1
        bottom = self._tops[keys[following]] if following < len(keys) else len(self._lines)
        height = self.size.height
        if top < self.scroll_offset.y:
            self._go_to(top)
        elif bottom > self.scroll_offset.y + height:
            self._go_to(bottom - height)

    def to_end(self) -> None:
        self._follows = True
        self._go_to(len(self._lines))

    def page(self, direction: int) -> None:
        self._go_to(self.scroll_offset.y + direction * max(1, self.size.height - 2))

    def _go_to(self, line: int) -> None:
        self.scroll_to(y=max(0, min(line, self.max_scroll_y)), animate=False, immediate=True)

    def _lay_out(self) -> None:
        width = self.scrollable_content_region.width
        if width <= 0:
            return
        anchor, within = self._anchor()
        painted = {}
        self._lines, self._tops = [], {}
        for block in self._blocks:
            strips = self._painted.get((block, width)) or [
                Strip(line.render(self.app.console)).adjust_cell_length(width)
                for line in paint(block, width, self.app.console)
            ]
            painted[block, width] = strips
            self._tops[block.key] = len(self._lines)
            self._lines += [(strip, block.key) for strip in strips]
        self._painted = painted
        self.virtual_size = Size(width, len(self._lines))
        if self._follows:
            self._go_to(len(self._lines))
        elif anchor is not None and anchor in self._tops:
            self._go_to(self._tops[anchor] + within)
        self.refresh()

    def _anchor(self) -> tuple[str | None, int]:
        """The message at the top of the screen, and by how many lines it has gone past it."""
        top = self.scroll_offset.y
        if not 0 <= top < len(self._lines):
            return None, 0
        key = self._lines[top][1]
        return key, top - self._tops[key]

    def render_line(self, y: int) -> Strip:
        at = self.scroll_offset.y + y
        # A short conversation stands at the bottom, where one writes.
        at -= max(0, self.size.height - len(self._lines))
        width = self.scrollable_content_region.width
        if not 0 <= at < len(self._lines):
            return Strip.blank(width, self.rich_style)
        strip, key = self._lines[at]
        strip = strip.apply_style(self.rich_style)
        if key == self.chosen:
            strip = Strip(
                [Segment(each.text, (each.style or RichStyle()) + CHOSEN) for each in strip], strip.cell_length
            )
        return strip

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        seen = round(new_value) >= self.max_scroll_y
        if seen != self._follows:
            self._follows = seen
            self.post_message(self.EndSeen(seen))
        if new_value <= NEAR_TOP_LINES and new_value < old_value:
            self.post_message(self.NearTop())

    def on_resize(self, event: events.Resize) -> None:
        self._lay_out()

    def on_click(self, event: events.Click) -> None:
        at = self.scroll_offset.y + event.y - max(0, self.size.height - len(self._lines))
        if 0 <= at < len(self._lines):
            key = self._lines[at][1]
            self.chosen = None if key == self.chosen else key
            self.refresh()
