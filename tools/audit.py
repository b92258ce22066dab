"""Whether a pinned package is known to be vulnerable. Exits with 0 only if every one was asked about and none is.

1: some are. 2: not all could be checked, which tells nothing about any.
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

SERVICE = "https://api.osv.dev/v1/query"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pins", type=Path, help="A file with one name==version a line.")
    parser.add_argument("--service", default=SERVICE, help="An address that answers as that of osv.dev does.")
    options = parser.parse_args()
    pinned = set(re.findall(r"^([\w.-]+)==", options.pins.read_text(), re.MULTILINE))
    asked = subprocess.run(_command(options.pins, options.service), capture_output=True, text=True, check=False)
    try:
        found: list[dict[str, Any]] = json.loads(asked.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return _not_checked(f"{options.service} did not tell: {_last_line(asked.stderr)}")
    checked = {package["name"] for package in found if "vulns" in package}
    missing = {_plain(name) for name in pinned} - {_plain(name) for name in checked}
    if missing or not pinned:
        return _not_checked(f"nothing was told about {', '.join(sorted(missing)) or 'anything'}")
    vulnerable = [package for package in found if package["vulns"]]
    for package in vulnerable:
        for fault in package["vulns"]:
            better = ", ".join(fault["fix_versions"]) or "no version without it is known"
            print(f"{package['name']} {package['version']}: {fault['id']}; {better}")
    if asked.returncode and not vulnerable:
        return _not_checked(_last_line(asked.stderr))
    print(f"{len(checked)} packages checked, {len(vulnerable)} of them vulnerable.")
    return 1 if vulnerable else 0


def _command(pins: Path, service: str) -> list[str]:
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(pins), "--no-deps", "--disable-pip", "--strict"]
    return [*command, "--format=json", "--progress-spinner=off", "--vulnerability-service=osv", f"--osv-url={service}"]


def _not_checked(why: str) -> int:
    print(f"audit.py: NOT CHECKED, which tells nothing about any package: {why}", file=sys.stderr)
    return 2


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["without a word"])[-1]


def _plain(name: str) -> str:
    """As PEP 503 compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main())
