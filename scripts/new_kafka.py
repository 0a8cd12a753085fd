"""Look for versions of Kafka on Maven Central that have no version lock file, lock them and try them.

`python scripts/new_kafka.py` writes the version lock file of each new version (Maven and a JDK must be on PATH), and
runs its labs: tests/integration/test_versions.py, in Docker too where an engine responds. If they fail, it deletes the
lock file. `--list` only lists. Exit code 0: there is no new version, or all passed (commit the new files); 1: `--list`
found new versions, or a version failed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree as ET

import requests

from labctl.runtime.jvm.download import repository_url
from labctl.version_lock import FOLDER, locked_versions
from labctl.versions import OLDEST, version_tuple

SOURCE = Path(__file__).parent.parent
TESTS = "tests/integration/test_versions.py"
SECONDS = 60


def main() -> int:
    """List the new versions, lock and try them, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="list them, and change nothing")
    only_list = parser.parse_args().list
    newest = new_versions(released(), locked_versions())
    print(f"new versions of Kafka: {', '.join(newest) or 'none'}")
    if only_list:
        return 1 if newest else 0
    return 1 if [version for version in newest if not lock_and_try(version)] else 0


def released() -> list[str]:
    """Return the versions of Kafka's broker on Maven Central. Raises requests.RequestException."""
    response = requests.get(f"{repository_url()}/org/apache/kafka/kafka_2.13/maven-metadata.xml", timeout=SECONDS)
    response.raise_for_status()
    return [element.text or "" for element in ET.fromstring(response.content).iter("version")]


def new_versions(available: Iterable[str], locked: Iterable[str]) -> list[str]:
    """Return the newest release of each line (4.2, 4.3, …) if it has no version lock file, oldest first.

    Release candidates and lines that labctl does not support are left out.
    """
    releases = [version for version in available if all(part.isdecimal() for part in version.split("."))]
    newest = {version_tuple(version)[:2]: version for version in sorted(releases, key=version_tuple)}
    return [newest[line] for line in sorted(newest) if line >= OLDEST and newest[line] not in set(locked)]


def lock_and_try(version: str) -> bool:
    """Write the version lock file, run the labs of this version, and return whether they passed."""
    python = [sys.executable]
    lock = subprocess.run([*python, "scripts/lock_kafka.py", version], cwd=SOURCE, check=False)
    if lock.returncode:
        print(f"Kafka {version}: it can't be locked; parts of it may not be on Maven Central yet")
        return False
    tests = subprocess.run(
        [*python, "-m", "pytest", "-v", "-p", "no:randomly", "-k", version, TESTS], cwd=SOURCE, check=False
    )
    if tests.returncode:
        (FOLDER / f"{version}.json").unlink()
    print(
        f"Kafka {version}: " + ("its labs failed; its version lock file was removed" if tests.returncode else "passed")
    )
    return tests.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
