"""Whether Kafka itself accepts a node's settings, of any locked version."""

import json
import subprocess
import sys
from pathlib import Path

from labctl.lab.reporter import NullReporter
from labctl.runtime.jvm.cache import ensure_jars
from labctl.runtime.jvm.java import find_java


class KafkaConfig:
    """KafkaConfig of one Kafka version, in a JVM that keeps running."""

    def __init__(self, version):
        self.version = version
        lock, jars = ensure_jars(version, NullReporter())
        java = find_java().executable.parent.parent
        library = next(java.rglob("libjvm.so"))
        program = Path(__file__).with_name("kafka_config.py")
        classpath = ":".join(str(jars / jar.file_name) for jar in lock.jars)
        self.process = subprocess.Popen(
            [sys.executable, str(program), str(library), classpath],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def refusal(self, node):
        self.process.stdin.write(json.dumps(node) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("> "):
                return line.removeprefix("> ").strip().removeprefix("ok")
        raise AssertionError("the JVM ended")

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(20)
