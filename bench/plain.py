"""Kafka as its own scripts start it: the format tool, the broker, an open port. Nothing is verified.

The JVMs have the options of bin/kafka-storage.sh and bin/kafka-server-start.sh of Kafka 4, without the time of
the scripts' shell. pytest-kafka-broker and many Makefiles do the same.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path

import psutil

from labctl.runtime.jvm.download import fetch
from labctl.runtime.jvm.jvm_options import LocalKafka
from labctl.state.identity import new_cluster_id
from labctl.system.ports import free_ports
from labctl.version_lock import Jar

LIMIT = 120  # seconds for one command
# bin/kafka-run-class.sh
SCRIPT_OPTIONS = (
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
)
JMX_OPTIONS = tuple(f"-Dcom.sun.management.jmxremote{key}" for key in ("=true", ".authenticate=false", ".ssl=false"))
# Kafka's archive logs through log4j2, the jars of labctl's version lock files don't
LABCTL_LOGGING = ("slf4j-jdk14", "slf4j-simple")
STOCK_LOGGING = Jar(
    "org.apache.logging.log4j:log4j-slf4j2-impl:2.25.4",
    30211,
    "dd897abc5eb3a6d965426c7937b92dd43e67c82d9819bea5d19f311516c68be3",
)
LOG4J = Path(__file__).with_name("log4j2.yaml")


class PlainKafka:
    """A broker on labctl's jars and Java.

    `bare`: without log4j2, JMX and the garbage collector's log, which is not how the scripts start it.
    """

    def __init__(self, kafka: LocalKafka, folder: Path, *, bare: bool = False) -> None:
        self._kafka = kafka
        self._folder = folder
        self._bare = bare
        self._port = 0
        self._broker: subprocess.Popen[bytes] | None = None
        jars = kafka.jars
        if not bare:
            logging_folder = folder.with_name(f"{folder.name}-jars")
            fetch([STOCK_LOGGING], logging_folder, progress=lambda _done, _total: None)
            kept = (jar for jar in jars if not Path(jar).name.startswith(LABCTL_LOGGING))
            jars = (*kept, str(logging_folder / STOCK_LOGGING.file_name))
        self._classpath = ":".join(jars)

    def prepare(self) -> None:
        """Create an empty folder with a server.properties."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        self._port = free_ports("127.0.0.1", 2)
        (self._folder / "server.properties").write_text(
            f"node.id=1\nprocess.roles=broker,controller\nlog.dirs={self._folder / 'data'}\n"
            f"listeners=PLAINTEXT://127.0.0.1:{self._port},CONTROLLER://127.0.0.1:{self._port + 1}\n"
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
            f"controller.listener.names=CONTROLLER\ncontroller.quorum.voters=1@127.0.0.1:{self._port + 1}\n"
            "offsets.topic.replication.factor=1\n"
        )

    def run(self) -> None:
        """Format, start, and wait for the port."""
        settings = str(self._folder / "server.properties")
        format_tool = [*self._command("-Xmx256M"), self._kafka.scripts["kafka-storage.sh"], "format"]
        identity = ["-t", new_cluster_id(), "-c", settings]
        subprocess.run([*format_tool, *identity], check=True, capture_output=True, timeout=LIMIT)
        gc_log = f"-Xlog:gc*:file={self._folder}/kafkaServer-gc.log:time,tags:filecount=10,filesize=100M"
        command = self._command("-Xmx1G", "-Xms1G", *(() if self._bare else (gc_log,)))
        with (self._folder / "log").open("wb") as log:
            command += ["kafka.Kafka", settings]
            self._broker = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline and self._broker.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.005)
        raise RuntimeError(f"the broker did not open its port: {(self._folder / 'log').read_text()[-2000:]}")

    def memory(self) -> int:
        """Return the broker's resident memory, in bytes."""
        return int(psutil.Process(self._broker.pid).memory_info().rss) if self._broker else 0

    def clean_up(self) -> None:
        """End the broker."""
        if self._broker:
            self._broker.kill()
            self._broker.wait()
            self._broker = None

    def _command(self, *heap: str) -> list[str]:
        logging = [f"-Dkafka.logs.dir={self._folder}", f"-Dlog4j2.configurationFile={LOG4J}"]
        extra = [] if self._bare else [*JMX_OPTIONS, *logging]
        return [str(self._kafka.java.executable), *heap, *SCRIPT_OPTIONS, *extra, "-cp", self._classpath]
