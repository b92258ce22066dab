"""A file as it is sent: without what only we read, and with what a browser would have to ask for next.

In the folder every style sheet and every module stands alone, and works so. On the wire a style sheet holds those that
it imports, and a page names each module that its own modules import, so that none is found out late.
"""

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import NamedTuple

_COMMENT = re.compile(r"^[ \t]*(?:/\*(?:(?!\*/).)*\*/|//[^\n]*)[ \t]*(?=\n)", re.MULTILINE | re.DOTALL)
_CAST = re.compile(r"/\*\* @(?:type|satisfies) [^\n]*?\*/ ?")
_SHEET_IMPORT = re.compile(r'^@import "([^"]+)";\n', re.MULTILINE)
_MODULE_IMPORT = re.compile(r'^(?:(?:import|export)\b[^;"]*?\bfrom|import)\s*"(\.[^"]+)"', re.MULTILINE)
_ENTRY = re.compile(r'<script type="module" src="([^"]+)"></script>')
_HEAD_END = "  </head>"


class Assembled(NamedTuple):
    """What is sent, and all the files that it was made of."""

    content: bytes
    parts: tuple[Path, ...]


def assemble(path: Path, root: Path) -> Assembled:
    """The file at `path`; the addresses in a page are taken from `root`. Raises OSError."""
    if path.suffix == ".js":
        return Assembled(_bare(path).encode(), (path,))
    if path.suffix == ".css":
        parts = [path]
        return Assembled(_sheet(path, parts).encode(), tuple(parts))
    if path.suffix == ".html":
        return _page(path, root)
    return Assembled(path.read_bytes(), (path,))


def modules_of(entry: Path) -> list[Path]:
    """The module and all that must be there before it runs, each once, those that are found first at the front."""
    found = [entry.resolve()]
    for module in found:
        for address in _MODULE_IMPORT.findall(_bare(module)):
            imported = (module.parent / address).resolve()
            if imported not in found:
                found.append(imported)
    return found


def _bare(path: Path) -> str:
    """Without comments that have lines of their own, two fifths of a script, and without casts; line for line."""
    text = path.read_text(encoding="utf-8")
    text = _COMMENT.sub(lambda found: "\n" * found.group().count("\n"), text)
    return _CAST.sub("", text) if path.suffix == ".js" else text


def _sheet(path: Path, parts: list[Path]) -> str:
    def imported(found: re.Match[str]) -> str:
        part = path.parent / found[1]
        parts.append(part)
        return _sheet(part, parts)

    return _SHEET_IMPORT.sub(imported, _bare(path))


def _page(path: Path, root: Path) -> Assembled:
    text = path.read_text(encoding="utf-8")
    modules = list(_modules_of_page(text, root))
    links = (f'    <link rel="modulepreload" href="{escape(it.relative_to(root).as_posix())}">\n' for it in modules)
    return Assembled(text.replace(_HEAD_END, "".join(links) + _HEAD_END, 1).encode(), (path, *modules))


def _modules_of_page(text: str, root: Path) -> Iterator[Path]:
    entries = [root / address for address in _ENTRY.findall(text)]
    seen = dict.fromkeys(module for entry in entries for module in modules_of(entry))
    return iter(seen)
