"""Write the version lock files in labctl/version_locks, by Maven and Java: `python scripts/lock_kafka.py 4.4.0 …`.

Needs Maven and a JDK on PATH. A version lock file lists the jars of a Kafka version, by coordinates, size and sha256,
the class that each of Kafka's scripts starts, and the settings that this version knows: SettingNames.java prints them.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LOCKS = Path(__file__).parent.parent / "labctl" / "version_locks"
SETTING_NAMES = Path(__file__).with_name("SettingNames.java")

# Kafka logs through slf4j. The JDK's own logging starts 0.2 s faster than log4j (docs/design/local-runtime.md), needs
# no settings by Kafka version, and limits its files. But it loses what a tool logs while it ends, so the tools use
# slf4j-simple. slf4j 2 can be kept in an AOT cache; the class format of slf4j 1.7 is too old. No script in SCRIPTS
# starts Kafka Connect, which depends on a web server: its jars are a list of their own. Kafka 3.9 is released with
# reload4j.
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>labctl</groupId><artifactId>lock</artifactId><version>1</version><packaging>pom</packaging><dependencyManagement><dependencies>
<dependency><groupId>ch.qos.reload4j</groupId><artifactId>reload4j</artifactId><version>1.2.25</version></dependency>
</dependencies></dependencyManagement><dependencies>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-api</artifactId><version>2.0.17</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-jdk14</artifactId><version>2.0.17</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>2.0.17</version></dependency>
{dependencies}</dependencies></project>"""
DEPENDENCY = """<dependency><groupId>org.apache.kafka</groupId><artifactId>{artifact}</artifactId>
<version>{version}</version><exclusions>{exclusions}</exclusions></dependency>
"""
EXCLUSION = "<exclusion><groupId>org.apache.kafka</groupId><artifactId>{artifact}</artifactId></exclusion>"
KAFKA = {"kafka_2.13": (), "kafka-tools": ("connect-api", "connect-json", "connect-runtime")}  # and what is left out
CONNECT = ("connect-runtime", "connect-json", "connect-transforms")
# connectors and the like, which use classes of their minor version that Kafka moves in the next
CONNECT_PLUGINS = ("connect-file", "connect-mirror", "connect-mirror-client", "connect-basic-auth-extension")

# script: the classes that it starts in the different versions of Kafka, newest first
SCRIPTS = {
    "kafka-acls.sh": ["org.apache.kafka.tools.AclCommand", "kafka.admin.AclCommand"],
    "kafka-broker-api-versions.sh": [
        "org.apache.kafka.tools.BrokerApiVersionsCommand",
        "kafka.admin.BrokerApiVersionsCommand",
    ],
    "kafka-client-metrics.sh": ["org.apache.kafka.tools.ClientMetricsCommand"],
    "kafka-cluster.sh": ["org.apache.kafka.tools.ClusterTool"],
    "kafka-configs.sh": ["org.apache.kafka.tools.ConfigCommand", "kafka.admin.ConfigCommand"],
    "kafka-console-consumer.sh": [
        "org.apache.kafka.tools.consumer.ConsoleConsumer",
        "kafka.tools.ConsoleConsumer",
    ],
    "kafka-console-producer.sh": ["org.apache.kafka.tools.ConsoleProducer", "kafka.tools.ConsoleProducer"],
    "kafka-console-share-consumer.sh": ["org.apache.kafka.tools.consumer.ConsoleShareConsumer"],
    "kafka-consumer-groups.sh": ["org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"],
    "kafka-consumer-perf-test.sh": ["org.apache.kafka.tools.ConsumerPerformance"],
    "kafka-delegation-tokens.sh": ["org.apache.kafka.tools.DelegationTokenCommand"],
    "kafka-delete-records.sh": ["org.apache.kafka.tools.DeleteRecordsCommand", "kafka.admin.DeleteRecordsCommand"],
    "kafka-dump-log.sh": ["org.apache.kafka.tools.DumpLogSegments", "kafka.tools.DumpLogSegments"],
    "kafka-e2e-latency.sh": ["org.apache.kafka.tools.EndToEndLatency"],
    "kafka-features.sh": ["org.apache.kafka.tools.FeatureCommand"],
    "kafka-get-offsets.sh": ["org.apache.kafka.tools.GetOffsetShell"],
    "kafka-groups.sh": ["org.apache.kafka.tools.GroupsCommand"],
    "kafka-jmx.sh": ["org.apache.kafka.tools.JmxTool"],
    "kafka-leader-election.sh": ["org.apache.kafka.tools.LeaderElectionCommand", "kafka.admin.LeaderElectionCommand"],
    "kafka-log-dirs.sh": ["org.apache.kafka.tools.LogDirsCommand"],
    "kafka-metadata-quorum.sh": ["org.apache.kafka.tools.MetadataQuorumCommand"],
    "kafka-producer-perf-test.sh": ["org.apache.kafka.tools.ProducerPerformance"],
    "kafka-reassign-partitions.sh": ["org.apache.kafka.tools.reassign.ReassignPartitionsCommand"],
    "kafka-replica-verification.sh": ["org.apache.kafka.tools.ReplicaVerificationTool"],
    "kafka-share-consumer-perf-test.sh": ["org.apache.kafka.tools.ShareConsumerPerformance"],
    "kafka-share-groups.sh": ["org.apache.kafka.tools.consumer.group.ShareGroupCommand"],
    "kafka-storage.sh": ["org.apache.kafka.tools.StorageTool", "kafka.tools.StorageTool"],
    "kafka-streams-application-reset.sh": ["org.apache.kafka.tools.StreamsResetter"],
    "kafka-streams-groups.sh": ["org.apache.kafka.tools.streams.StreamsGroupCommand"],
    "kafka-topics.sh": ["org.apache.kafka.tools.TopicCommand"],
    "kafka-transactions.sh": ["org.apache.kafka.tools.TransactionsCommand"],
    "kafka-verifiable-consumer.sh": ["org.apache.kafka.tools.VerifiableConsumer"],
    "kafka-verifiable-producer.sh": ["org.apache.kafka.tools.VerifiableProducer"],
    "kafka-verifiable-share-consumer.sh": ["org.apache.kafka.tools.VerifiableShareConsumer"],
}


def main() -> None:
    """Write the version lock file of each version on the command line."""
    if len(sys.argv) < 2:
        sys.exit("usage: lock_kafka.py VERSION …")
    for version in sys.argv[1:]:
        lock = resolve(version)
        path = LOCKS / f"{version}.json"
        path.write_text(json.dumps(lock, indent=1) + "\n", encoding="utf-8")
        size = sum(jar["bytes"] for jar in lock["jars"])
        print(f"{path.name}: {len(lock['jars'])} jars, {size // 1_000_000} MB, {len(lock['scripts'])} scripts")
        print(f"    with Kafka Connect {lock['connect']}")


def resolve(version: str) -> dict[str, Any]:
    """Return the version lock of Kafka `version`, with the jars that Maven resolves for run time."""
    found = listed(dict.fromkeys(KAFKA, version))
    classes: set[str] = set()
    for _coordinates, path in found:
        with zipfile.ZipFile(path) as jar:
            classes.update(name[:-6].replace("/", ".") for name in jar.namelist() if name.endswith(".class"))
    scripts = {
        script: next(name for name in candidates if name in classes)
        for script, candidates in SCRIPTS.items()
        if any(name in classes for name in candidates)
    }
    return {
        "kafka": version,
        "connect": resolve_connect(version),
        "jars": [entry(*jar) for jar in found],
        "scripts": scripts,
        "settings": settings([path for _coordinates, path in found]),
    }


def resolve_connect(version: str) -> str:
    """Write the lock of the newest Kafka Connect that the repository has completely, and return its version.

    It is that of `version`, or one before it, whose worker works with newer brokers too.
    """
    earlier = [tuple(map(int, path.stem.split("."))) for path in LOCKS.glob("*.json")]
    for candidate in sorted({number(version), *earlier}, reverse=True):
        text = ".".join(map(str, candidate))
        if candidate > number(version) or not all(has(f"org.apache.kafka:{name}:{text}") for name in CONNECT):
            continue
        plugins = {name: newest_patch(name, candidate) for name in CONNECT_PLUGINS}
        if all(plugins.values()):
            jars = listed(dict.fromkeys(CONNECT, text) | plugins)
            lock = {"connect": text, "jars": [entry(*jar) for jar in jars]}
            (LOCKS / "connect").mkdir(exist_ok=True)
            (LOCKS / "connect" / f"{text}.json").write_text(json.dumps(lock, indent=1) + "\n", encoding="utf-8")
            return text
    sys.exit(f"the repository has no complete Kafka Connect for {version}")


def number(version: str) -> tuple[int, ...]:
    """Return a version as numbers, to compare."""
    return tuple(map(int, version.split(".")))


def newest_patch(artifact: str, version: tuple[int, ...]) -> str:
    """Return the newest version of an artifact of Kafka until `version`, of the same minor version; "" for none."""
    major, minor, patch = version
    earlier = (f"{major}.{minor}.{each}" for each in range(patch, -1, -1))
    return next((each for each in earlier if has(f"org.apache.kafka:{artifact}:{each}")), "")


def has(coordinates: str) -> bool:
    """Return whether the repository has an artifact."""
    command = ["mvn", "-q", "-B", "org.apache.maven.plugins:maven-dependency-plugin:2.8:get", "-Dtransitive=false"]
    return subprocess.run([*command, f"-Dartifact={coordinates}"], check=False, capture_output=True).returncode == 0


def entry(coordinates: str, path: str) -> dict[str, Any]:
    """Return a jar as it is in a version lock file."""
    data = Path(path).read_bytes()
    return {"coordinates": coordinates, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def listed(artifacts: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return (coordinates, path) of each jar that {artifact of Kafka: version} need at run time."""
    dependencies = "".join(
        DEPENDENCY.format(
            artifact=name,
            version=version,
            exclusions="".join(EXCLUSION.format(artifact=left_out) for left_out in KAFKA.get(name, ())),
        )
        for name, version in artifacts.items()
    )
    pom = POM.format(dependencies=dependencies)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "pom.xml").write_text(pom, encoding="utf-8")
        listing = Path(folder) / "list.txt"
        command = [
            "mvn",
            "-q",
            "-B",
            "dependency:list",
            "-DincludeScope=runtime",
            "-DoutputAbsoluteArtifactFilename=true",
        ]
        subprocess.run([*command, f"-DoutputFile={listing}"], cwd=folder, check=True)
        text = re.sub(r"\x1b\[[0-9;]*m", "", listing.read_text(encoding="utf-8"))
    found = re.findall(r"^\s+([\w.-]+):([\w.-]+):jar:([\w.-]+):(?:compile|runtime):(/\S+\.jar)", text, re.MULTILINE)
    if not found:
        sys.exit(f"Maven listed no jars:\n{text}")
    return [(f"{group}:{artifact}:{number}", path) for group, artifact, number, path in sorted(found)]


def settings(jars: list[str]) -> dict[str, dict[str, str]]:
    """Return {broker, topic, producer or consumer: {name of a setting: its type}} of the Kafka in `jars`."""
    command = ["java", "-cp", ":".join(jars), str(SETTING_NAMES)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, dict[str, str]] = {}
    for line in printed.splitlines():
        kind, name, type_name = line.split()
        found.setdefault(kind, {})[name] = type_name
    return found


if __name__ == "__main__":
    main()
