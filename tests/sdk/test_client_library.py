"""The client library's own tests, which run in Node, and its types."""

import json
import subprocess
from pathlib import Path

from tests.meta.test_documents import ASYNCAPI
from tests.servers import require_program

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
TYPES = ROOT / "src" / "bihak" / "web" / "sdk" / "types"


def test_the_client_library_passes_its_tests_in_node(tmp_path: Path) -> None:
    document = tmp_path / "asyncapi.json"
    document.write_text(json.dumps(ASYNCAPI))
    files = sorted(str(path) for path in HERE.glob("*.test.js"))
    ended = subprocess.run(
        [require_program("node", "nodejs"), "--test", "--test-reporter=spec", "--test-timeout=20000", *files],
        env={"BIHAK_ASYNCAPI": str(document), "FORCE_COLOR": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    print(ended.stdout, ended.stderr)
    assert ended.returncode == 0, ended.stdout[-8000:]


def test_the_type_files_are_made_from_the_present_code(tmp_path: Path) -> None:
    compiler = [str(ROOT / "node_modules" / ".bin" / "tsc"), "-p", str(ROOT / "tools" / "types.json")]
    subprocess.run([*compiler, "--outDir", str(tmp_path)], check=True)
    kept = {path.name: path.read_text() for path in TYPES.iterdir()}
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert kept == made, "run: node_modules/.bin/tsc -p tools/types.json"


def test_a_program_in_typescript_compiles_by_the_shipped_types(tmp_path: Path) -> None:
    """As one would have it: installed from the package's folder, without the sources of it being checked."""
    package = tmp_path / "node_modules" / "@bihak"
    package.mkdir(parents=True)
    (package / "sdk").symlink_to(TYPES.parent)
    (tmp_path / "consumer.ts").write_text((HERE / "consumer.ts").read_text())
    options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--lib", "es2023,dom"]
    ended = subprocess.run(
        [str(ROOT / "node_modules" / ".bin" / "tsc"), *options, "consumer.ts"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
