"""Where one writes."""

from textual import events
from textual.message import Message
from textual.widgets import TextArea

NEW_LINE = ("ctrl+j", "alt+enter", "shift+enter")


class Composer(TextArea):
    """Enter sends, Ctrl+J begins a new line. Keys that it has no use for go to whoever shows the messages."""

    class Sent(Message):
        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Wanted(Message):
        """A key that is for the rest of the screen: `tab`, `up`, `down`, `escape` and the like."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self) -> None:
        super().__init__(id="composer", soft_wrap=True, show_line_numbers=False, tab_behavior="focus", compact=True)
        self.highlight_cursor_line = False
        self.placeholder = "Write a message, or / for commands"

    @property
    def before_cursor(self) -> str:
        return self.get_text_range((0, 0), self.cursor_location)

    def put(self, text: str) -> None:
        """In place of whatever was written."""
        self.load_text(text)
        self.move_cursor(self.document.end)

    def replace_before_cursor(self, start: int, text: str) -> None:
        """From the `start`-th character on to the cursor."""
        kept = self.before_cursor[:start]
        location = (kept.count("\n"), len(kept) - kept.rfind("\n") - 1)
        self.replace(text, location, self.cursor_location)

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter":
            text = self.text
            if text.strip():
                self.clear()
                self.post_message(self.Sent(text))
        elif event.key in NEW_LINE:
            self.insert("\n")
        elif event.key in self._keys_for_others():
            self.post_message(self.Wanted(event.key))
        else:
            await super()._on_key(event)
            return
        event.stop()
        event.prevent_default()

    def _keys_for_others(self) -> set[str]:
        keys = {"tab", "shift+tab", "escape", "pageup", "pagedown", "ctrl+home", "ctrl+end"}
        if not self.text:
            keys |= {"up", "down", "home", "end", "ctrl+d"}
        return keys
