"""Writes docs/configuration.md and .env.example from the settings themselves: `python tools/configuration.py`."""

from pathlib import Path
from types import NoneType
from typing import Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from bihak.settings import Settings

ROOT = Path(__file__).parent.parent

_HEAD = """\
# Configuration

<!-- Made by tools/configuration.py from src/bihak/settings.py; change it there. -->

Every setting has a default, and is read once, when the server starts: from the environment, else from a file `.env`
in the folder it is started in. `bihak serve --host` and `--port` take the place of `WS_HOST` and `WS_PORT`. An empty
value counts as none. A value that is not usable stops the server with exit status 2 and a line that names the setting,
the value and what would be right.

| setting | default | takes | what it does |
|---|---|---|---|
"""

_TAIL = """
Rules between settings:

- `AUTH_MODE=token` needs one of `AUTH_SECRET`, `AUTH_PUBLIC_KEY` and `AUTH_JWKS_URL`.
- `AUTH_MODE=trusted` is refused unless `WS_HOST` is `localhost`, `127.0.0.1` or `::1`.
- `DB_HOST` takes the place of `DATABASE_URL`.
- `bihak serve --demo` is trusted mode; unless a database is set, it uses `bihak-demo.db`.
"""

_ENV_HEAD = """\
# Copy this to .env and set what differs from the default. docs/configuration.md has the same as a table.
"""


def render_page() -> str:
    """The text of docs/configuration.md."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = _default(field)
        rows.append(
            f"| `{name.upper()}` | {f'`{default}`' if default else 'none'} | {_takes(field)} | {field.description} |\n"
        )
    return _HEAD + "".join(rows) + _TAIL


def render_env() -> str:
    """The text of .env.example."""
    blocks = [
        f"\n# {field.description}\n#{name.upper()}={_default(field)}\n" for name, field in Settings.model_fields.items()
    ]
    return _ENV_HEAD + "".join(blocks)


def _default(field: FieldInfo) -> str:
    return "" if field.default is None else str(field.default)


def _takes(field: FieldInfo) -> str:
    kinds = [kind for kind in get_args(field.annotation) or (field.annotation,) if kind is not NoneType]
    if get_origin(field.annotation) is Literal:
        return " or ".join(f"`{kind}`" for kind in kinds)
    if kinds == [str]:
        return "text"
    limits = {
        name: getattr(limit, name) for limit in field.metadata for name in ("ge", "gt", "le") if hasattr(limit, name)
    }
    if "le" in limits:
        return f"{limits['ge']} to {limits['le']}"
    return f"more than {limits['gt']}" if "gt" in limits else f"at least {limits['ge']}"


if __name__ == "__main__":
    (ROOT / "docs" / "configuration.md").write_text(render_page())
    (ROOT / ".env.example").write_text(render_env())
