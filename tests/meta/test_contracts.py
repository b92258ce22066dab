"""The import contracts hold, and a forbidden import breaks them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package, with its contracts, that a test may break."""
    shutil.copytree(ROOT / "src" / "bihak", tmp_path / "bihak", ignore=shutil.ignore_patterns("__pycache__", "web"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).parent / "lint-imports")
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(
        [program, "--no-logo", "--no-cache"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def add_line(module: Path, line: str) -> None:
    module.write_text(f"{module.read_text()}\n{line}\n")


def test_the_contracts_hold(copy: Path) -> None:
    done = lint_imports(copy)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("contract", "module", "line"),
    [
        ("Imports go one way", "protocol/types.py", "import bihak.core.session"),
        ("Imports go one way", "core/limits.py", "from bihak.features import presence"),
        ("Imports go one way", "transports/health.py", "from bihak.features import presence"),
        ("Features stand on each other", "features/participants.py", "from bihak.features import messages"),
        ("Only app names concrete backends", "cli/db.py", "from bihak.storage.sqlite import open_sqlite"),
        ("Only app names concrete backends", "core/sweep.py", "import bihak.storage.mysql"),
        ("Clients know the server by", "client/cursors.py", "import bihak.core.log"),
        ("Clients know the server by", "chat/state.py", "from bihak.features import messages"),
        ("No two parts import each other", "core/identity.py", "import bihak.core.node"),
    ],
)
def test_a_forbidden_import_breaks_its_contract(copy: Path, contract: str, module: str, line: str) -> None:
    add_line(copy / "bihak" / module, line)
    done = lint_imports(copy)
    broken = [said for said in done.stdout.splitlines() if said.endswith("BROKEN")]
    assert done.returncode != 0
    assert any(said.startswith(contract) for said in broken), done.stdout + done.stderr


def test_an_import_for_the_type_checker_alone_counts_too(copy: Path) -> None:
    module = copy / "bihak" / "core" / "limits.py"
    hidden = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from bihak.features.presence import Presence"
    add_line(module, hidden)
    assert lint_imports(copy).returncode != 0


def test_a_new_part_of_the_package_needs_its_place(copy: Path) -> None:
    (copy / "bihak" / "extra.py").write_text('"""Something new."""\n')
    assert lint_imports(copy).returncode != 0
