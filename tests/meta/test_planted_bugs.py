"""A planted bug must turn a named test red. Without it, the same tests are green where the suite runs them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.planted import PLANTS

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def outcomes() -> dict[str, dict[str, str]]:
    """What became of each plant's tests, all run in one process of their own."""
    done = subprocess.run([sys.executable, "-m", "tests.planted"], cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, dict[str, str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("plant", [plant.__name__ for plant in PLANTS])
def test_a_planted_bug_turns_its_test_red(outcomes: dict[str, dict[str, str]], plant: str) -> None:
    assert outcomes[plant], "its test did not run"
    assert "failed" in outcomes[plant].values(), f"nobody noticed {plant}"
