"""Tests wait for what they wait for: no time limits, nothing skipped, names that are sentences."""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent.parent
FOLDERS = ("unit", "features", "contract", "fuzz", "meta")
FORBIDDEN_CALLS = {
    "asyncio.timeout",
    "asyncio.wait_for",
    "asyncio.timeout_at",
    "pytest.skip",
    "pytest.xfail",
    "signal.alarm",
}
FORBIDDEN_MARKS = {"skip", "skipif", "xfail", "timeout", "flaky"}


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for folder in FOLDERS:
        for path in sorted((TESTS / folder).rglob("*.py")):
            yield path, ast.parse(path.read_text())


def test_no_test_has_a_time_limit_or_is_skipped() -> None:
    found = []
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in FORBIDDEN_CALLS:
                found.append(f"{path.name}:{node.lineno}: {ast.unparse(node.func)}")
            if (
                isinstance(node, ast.Attribute)
                and ast.unparse(node.value) == "pytest.mark"
                and node.attr in FORBIDDEN_MARKS
            ):
                found.append(f"{path.name}:{node.lineno}: pytest.mark.{node.attr}")
    assert found == []


def test_names_of_tests_are_sentences_and_used_once() -> None:
    for path, tree in trees():
        names = [
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
        ]
        assert len(names) == len(set(names)), f"{path.name} has a test twice; only the last one runs"
        short = [name for name in names if name.count("_") < 3]
        assert short == [], f"{path.name}: what do these say?"
