"""The programs beside the server: built from C with the system's compiler, or installed from npm; once."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).parent
BUILT = HERE.parent / "build" / "bench"
NODE = HERE / "references" / "node"


class MissingProgram(RuntimeError):
    """Something that the benchmark needs is not installed; the text says what."""


def load_generator() -> Path:
    """The load generator."""
    return _compiled("load", sorted((HERE / "generator").glob("*.c")), (HERE / "generator").glob("*.h"))


def send_reference() -> Path:
    """The C program that only sends."""
    return _compiled("send", [HERE / "references" / "send.c"])


def node_reference() -> Path:
    """The server for Node, with the packages that it stands on beside it."""
    installed = NODE / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (NODE / "package-lock.json").stat().st_mtime:
        _run([require("npm"), "ci", "--no-audit", "--no-fund", "--silent"], NODE)
        installed.touch()
    return NODE / "server.mjs"


def require(name: str) -> str:
    """The path of a program. Raises MissingProgram."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise MissingProgram(f"{name} is not installed; tools/programs.sh installs what is needed")
    return found


def _compiled(name: str, sources: list[Path], others: Iterable[Path] = ()) -> Path:
    made = BUILT / name
    if made.exists() and all(made.stat().st_mtime > part.stat().st_mtime for part in (*sources, *others)):
        return made
    BUILT.mkdir(parents=True, exist_ok=True)
    fresh = made.with_name(f"{name}.{os.getpid()}")  # two runs at once must not meet half a program
    compiler = require(os.environ.get("CC", "cc"))
    _run([compiler, "-std=gnu11", "-O2", "-Wall", "-Wextra", "-o", str(fresh), *map(str, sources)], HERE)
    fresh.replace(made)
    return made


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MissingProgram(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
