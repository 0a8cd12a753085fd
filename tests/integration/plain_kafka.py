"""Kafka as its archive configures it, without labctl's settings: one node, or three. For comparison with a lab."""

import shutil
import socket
import subprocess
from pathlib import Path

from labctl.kafka.client import KafkaClient
from labctl.lab.reporter import NullReporter
from labctl.runtime.jvm.cache import ensure_jars
from labctl.runtime.jvm.java import find_java
from labctl.state.identity import new_cluster_id
from labctl.system.waiting import Deadline, NotReady, wait_until

FIRST_PORT = 9092  # as every text about Kafka has it, and some test suites have it built in
SECONDS = 120
# config/server.properties of Kafka's archive, with three nodes as its documentation says
ARCHIVE = """
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
num.partitions=1
num.recovery.threads.per.data.dir=1
offsets.topic.replication.factor={copies}
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr={min_isr}
share.coordinator.state.topic.replication.factor={copies}
share.coordinator.state.topic.min.isr={min_isr}
log.retention.hours=168
log.segment.bytes=1073741824
log.retention.check.interval.ms=300000
"""
# bin/kafka-server-start.sh; a quarter of its heap, for three of them
JVM = ("-Xmx512M", "-Xms256M", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-Djava.awt.headless=true")


class PlainKafka:
    """Nodes on localhost:9092, 9094, 9096; their controllers on the ports between."""

    def __init__(self, version: str, nodes: int, folder: Path) -> None:
        lock, jars = ensure_jars(version, NullReporter())
        self._classpath = ":".join(str(jars / jar.file_name) for jar in lock.jars)
        self._scripts = lock.scripts
        self._java = str(find_java().executable)
        self._folder = folder
        self._nodes = nodes
        self._processes: list[subprocess.Popen[bytes]] = []
        self.bootstrap = ",".join(f"localhost:{FIRST_PORT + 2 * number}" for number in range(nodes))

    def __enter__(self):
        cluster_id = new_cluster_id()
        voters = ",".join(f"{number + 1}@localhost:{FIRST_PORT + 1 + 2 * number}" for number in range(self._nodes))
        try:
            for number in range(self._nodes):
                self._start(number, voters, cluster_id)
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in self._processes:
            process.kill()
            process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, number: int, voters: str, cluster_id: str) -> None:
        folder = self._folder / str(number)
        folder.mkdir(parents=True)
        port = FIRST_PORT + 2 * number
        copies = min(3, self._nodes)
        settings = folder / "server.properties"
        settings.write_text(
            f"process.roles=broker,controller\nnode.id={number + 1}\ncontroller.quorum.voters={voters}\n"
            f"listeners=PLAINTEXT://localhost:{port},CONTROLLER://localhost:{port + 1}\n"
            f"controller.listener.names=CONTROLLER\nlog.dirs={folder}/data\n"
            + ARCHIVE.format(copies=copies, min_isr=max(1, copies - 1))
        )
        java = [self._java, *JVM, "-cp", self._classpath]
        identity = ["format", "-t", cluster_id, "-c", str(settings)]
        format_tool = [*java, self._scripts["kafka-storage.sh"], *identity]
        subprocess.run(format_tool, check=True, capture_output=True, timeout=SECONDS)
        with (folder / "log").open("wb") as log:
            self._processes.append(subprocess.Popen([*java, "kafka.Kafka", str(settings)], stdout=log, stderr=log))

    def _wait(self) -> None:
        def probe() -> None:
            for address in self.bootstrap.split(","):
                host, port = address.split(":")
                try:
                    socket.create_connection((host, int(port)), 1).close()
                except OSError as error:
                    raise NotReady(f"{address}: {error}") from error
            with KafkaClient(self.bootstrap) as client:
                if len(client.broker_endpoints()) < self._nodes:
                    raise NotReady("not all brokers are there")

        wait_until(probe, what="plain Kafka", deadline=Deadline.after(SECONDS))
