"""`make fuzz`: throws bytes at decoding and dispatching, grown by what they reach (libFuzzer, by way of atheris).

An input is frames, one a line, from somebody who has signed in; a first line of `-` is somebody who has not. It fails
if a frame gets more than one answer, or one with the code `internal`, or if anything raises.
"""

import argparse
import hashlib
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).parent / "corpus"
FOUND = Path("fuzz-found")
SLOWEST_S = 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    options = parser.parse_args()
    try:
        import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:
        version = ".".join(map(str, sys.version_info[:2]))
        print(
            f"make fuzz: atheris, which it needs, is not installed; there is none for Python {version} here",
            file=sys.stderr,
        )
        return 2
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = tempfile.gettempdir()
    with atheris.instrument_imports(include=["bihak"]):
        from bihak.logs import configure_logs
        from tests.fuzz.thrown import Thrower, words
    FOUND.mkdir(exist_ok=True)
    configure_logs("error", "console")
    with tempfile.TemporaryDirectory() as folder:
        thrower = Thrower(Path(folder))
        dictionary = Path(folder) / "words"
        dictionary.write_text("".join(f'"\\"{word}\\""\n' for word in words()))
        grown = Path(folder) / "grown"
        grown.mkdir()
        arguments: list[Any] = [
            *("make fuzz", f"-max_total_time={int(options.minutes * 60)}", f"-dict={dictionary}", "-max_len=2000"),
            *(f"-timeout={SLOWEST_S}", f"-artifact_prefix={FOUND}/", "-print_final_stats=1", str(grown), str(CORPUS)),
        ]
        atheris.Setup(arguments, partial(throw_or_end, thrower.throw), internal_libfuzzer=True)
        atheris.Fuzz()
    return 0


def throw_or_end(throw: Callable[[bytes], None], data: bytes) -> None:
    """Keeps the input that failed and ends the process; left to end by itself, it would wait for the node's threads."""
    try:
        throw(data)
    except Exception:
        traceback.print_exc()
        kept = FOUND / f"{hashlib.sha256(data).hexdigest()[:16]}.txt"
        kept.write_bytes(data)
        print(f"make fuzz: this input fails, see CONTRIBUTING.md: {kept}", file=sys.stderr, flush=True)
        os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
