"""Build labctl-test/stock-like:VERSION, with apache/kafka's ways, where no registry is reached: for tests and bench.

Needs Debian, root, mmdebstrap and a Docker Engine.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.plain import OUR_LOGGING, STOCK_LOGGING
from labctl.kafkadist.download import fetch
from labctl.kafkadist.prepared import ensure_jars
from labctl.render import render_template
from labctl.runlog import Silent
from labctl.runtime.engine import Engine
from labctl.spec import default_spec

SOURCE = Path(__file__).parent.parent / "tests" / "images" / "stock-like"
BASE = "labctl-test/bookworm-jre"
REPOSITORY = "labctl-test/stock-like"


def main() -> None:
    """Build what is not there yet."""
    version = default_spec().kafka.version
    tag = f"{REPOSITORY}:{version}"
    engine = Engine()
    if engine.has_image(tag):
        return
    if not engine.has_image(BASE):
        system = "mmdebstrap --quiet --variant=minbase --include=openjdk-17-jre-headless bookworm -"
        made = ["bash", "-o", "pipefail", "-c", f"{system} | docker import - {BASE}"]
        subprocess.run(made, check=True, stdout=sys.stderr)
    lock, jars = ensure_jars(version, Silent())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(SOURCE, folder / "image")
        (folder / "image" / "bin").mkdir()
        (folder / "image" / "kafka-run-class.sh").rename(folder / "image" / "bin" / "kafka-run-class.sh")
        for script, main_class in lock.scripts.items():
            text = f'#!/bin/sh\nexec /opt/kafka/bin/kafka-run-class.sh {main_class} "$@"\n'
            (folder / "image" / "bin" / script).write_text(text)
        for program in [*(folder / "image" / "bin").iterdir(), *(folder / "image" / "docker").iterdir()]:
            program.chmod(0o755)
        properties = render_template("image/server.properties.j2")
        (folder / "image" / "docker" / "server.properties").write_text(properties)
        fetch([STOCK_LOGGING], folder / "jars", progress=lambda _done, _total: None)
        for jar in lock.jars:
            if not jar.file_name.startswith(OUR_LOGGING):
                shutil.copy2(jars / jar.file_name, folder / "jars")
        engine.build(folder / "image", tag, {"jars": folder / "jars"})
    print(f"built {tag}")


if __name__ == "__main__":
    main()
