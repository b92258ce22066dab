"""The file of results: each scenario as it was last measured."""

import json
from pathlib import Path
from typing import Any

Json = dict[str, Any]
FOLDER = Path(__file__).parent / "results"


class Results:
    """Keeps what other runs have measured, and replaces what is measured again."""

    def __init__(self, name: str, folder: Path = FOLDER) -> None:
        self.path = folder / f"{name}.json"
        found = json.loads(self.path.read_text()) if self.path.exists() else {}
        self.machine: str = found.get("machine", "")
        self.scenarios: dict[str, Json] = found.get("scenarios", {})

    def put(self, name: str, found: Json) -> None:
        self.scenarios[name] = found

    def save(self) -> None:
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_text(json.dumps({"machine": self.machine, "scenarios": self.scenarios}, indent=1) + "\n")
