"""The Python that runs the servers: this one, or another of the same version, which is lent the packages of this one.

How it was compiled matters: without profile-guided optimisation the same server takes a quarter more CPU.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import bihak

_VERSION = "import json, platform, sys; print(json.dumps([platform.python_version(), sys.implementation.cache_tag]))"


@dataclass(frozen=True)
class Interpreter:
    """A program that runs Python, and what it must find in its environment."""

    path: str
    version: str
    environment: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"Python {self.version}" + ("" if self.path == sys.executable else f" ({self.path})")


def find(path: str = sys.executable) -> Interpreter:
    """The one at that path. Raises ValueError where it cannot take the packages of this one."""
    try:
        said = subprocess.run([path, "-c", _VERSION], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as fault:
        raise ValueError(f"{path} does not run: {fault}") from fault
    version, tag = json.loads(said)
    if path == sys.executable:
        return Interpreter(path, version)
    if tag != sys.implementation.cache_tag:
        raise ValueError(f"{path} is {tag}; what is installed here is for {sys.implementation.cache_tag}")
    own = Path(str(bihak.__file__)).parent.parent
    packages = [str(own), *(folder for folder in sys.path if folder.endswith("site-packages"))]
    return Interpreter(path, version, {"PYTHONPATH": ":".join(packages)})


chosen = find()
"""What the servers are run with."""
