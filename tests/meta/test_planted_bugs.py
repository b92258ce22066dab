"""A planted bug must turn a named test red; unplanted, the same tests are green."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.planted import PLANTS

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def outcome() -> dict[str, dict[str, Any]]:
    """What each plant did, all run one after another in one process of their own."""
    done = subprocess.run([sys.executable, "-m", "tests.planted"], cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("plant", [plant.__name__ for plant in PLANTS])
def test_a_planted_bug_turns_its_test_red(outcome: dict[str, dict[str, Any]], plant: str) -> None:
    assert outcome[plant]["called"], "its test did not run"
    assert outcome[plant]["failed"], f"nobody noticed {plant}"


def test_without_a_planted_bug_the_same_tests_are_green(outcome: dict[str, dict[str, Any]]) -> None:
    assert len(outcome["none"]["called"]) >= len(PLANTS)
    assert outcome["none"]["failed"] == []
