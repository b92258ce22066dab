"""What is written about the code says what the code says."""

import re
from pathlib import Path

import msgspec
import pytest

from bihak.errors import ALL_ERRORS, CloseCode
from bihak.features import catalog  # noqa: F401 - makes every request, reply and event known
from bihak.protocol.envelope import Event, Reply, Request
from bihak.settings import Settings
from tools.configuration import ROOT, render_env, render_page

DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])


def test_the_configuration_page_is_current() -> None:
    assert (DOCS / "configuration.md").read_text() == render_page(), "run: python tools/configuration.py"


def test_the_example_of_an_env_file_is_current() -> None:
    assert (ROOT / ".env.example").read_text() == render_env(), "run: python tools/configuration.py"


def test_the_example_of_an_env_file_changes_nothing_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    assert Settings(_env_file=ROOT / ".env.example") == Settings(_env_file=None)  # type: ignore[call-arg]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert not missing


def test_every_test_that_the_readme_names_is_there() -> None:
    rows = re.findall(r"^\| .+ \| `(test_\w+)` \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert len(rows) == len(set(rows)) >= 20
    assert set(rows) <= _all_tests()


def test_every_test_that_the_security_page_names_is_there() -> None:
    page = (DOCS / "security.md").read_text()
    named = set(re.findall(r"`(test_\w+)`", page))
    assert len(named) >= 50
    assert named <= _all_tests()
    rows = [line for line in page.splitlines() if line.startswith("| ") and "requirement" not in line]
    assert [row for row in rows if "`test_" not in row and row != "| what | tests |"] == []


def _all_tests() -> set[str]:
    files = (ROOT / "tests").rglob("test_*.py")
    return {name for file in files for name in re.findall(r"def (test_\w+)", file.read_text())}


def test_the_protocol_page_names_every_error_code() -> None:
    page = (DOCS / "protocol.md").read_text()
    missing = [error.code for error in ALL_ERRORS if f"`{error.code}`" not in page]
    assert not missing


def test_the_protocol_page_names_every_close_code() -> None:
    page = (DOCS / "protocol.md").read_text()
    local = {CloseCode.LOST}  # never on the wire
    missing = [int(code) for code in CloseCode if code not in local and str(int(code)) not in page]
    assert not missing


@pytest.mark.parametrize("base", [Request, Reply, Event], ids=lambda base: base.__name__)
def test_the_protocol_page_names_every_type_and_field(base: type[msgspec.Struct]) -> None:
    page = (DOCS / "protocol.md").read_text()
    missing = [
        f"{kind.__name__}: {word}"
        for kind in _kinds_of(base)
        for word in (str(kind.__struct_config__.tag), *kind.__struct_fields__)
        if f"`{word}`" not in page
    ]
    assert not missing


def _kinds_of(base: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    """The frames of this product made of `base`, except those that never travel."""
    found = []
    for kind in base.__subclasses__():
        is_base = kind.__subclasses__() != []
        is_internal = (kind.__doc__ or "").startswith("The server's own")
        if kind.__module__.startswith("bihak.") and not is_base and not is_internal:
            found.append(kind)
        found += _kinds_of(kind)
    return found
