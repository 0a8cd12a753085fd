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
from pathlib import Path
from typing import Any

LOCKS = Path(__file__).parent.parent / "labctl" / "version_locks"
SETTING_NAMES = Path(__file__).with_name("SettingNames.java")

# Kafka logs through slf4j. The JDK's own logging starts 0.2 s faster than log4j (docs/design/local-runtime.md), needs
# no settings by Kafka version, and limits its files. But it loses what a tool logs while it ends, so the tools use
# slf4j-simple. slf4j 2 can be kept in an AOT cache; the class format of slf4j 1.7 is too old. No script in SCRIPTS
# starts Kafka Connect, which depends on a web server (two jars in five). Kafka 3.9 is released with reload4j.
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>labctl</groupId><artifactId>lock</artifactId><version>1</version><packaging>pom</packaging><dependencyManagement><dependencies>
<dependency><groupId>ch.qos.reload4j</groupId><artifactId>reload4j</artifactId><version>1.2.25</version></dependency>
</dependencies></dependencyManagement><dependencies>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-api</artifactId><version>2.0.17</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-jdk14</artifactId><version>2.0.17</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>2.0.17</version></dependency>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{version}</version></dependency>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>{version}</version><exclusions>
<exclusion><groupId>org.apache.kafka</groupId><artifactId>connect-api</artifactId></exclusion>
<exclusion><groupId>org.apache.kafka</groupId><artifactId>connect-json</artifactId></exclusion>
<exclusion><groupId>org.apache.kafka</groupId><artifactId>connect-runtime</artifactId></exclusion>
</exclusions></dependency>
</dependencies></project>"""

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


def resolve(version: str) -> dict[str, Any]:
    """Return the version lock of Kafka `version`, with the jars that Maven resolves for run time."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "pom.xml").write_text(POM.format(version=version), encoding="utf-8")
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
    jars = []
    classes: set[str] = set()
    for group, artifact, number, path in sorted(found):
        data = Path(path).read_bytes()
        entry = {
            "coordinates": f"{group}:{artifact}:{number}",
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        jars.append(entry)
        with zipfile.ZipFile(path) as jar:
            classes.update(name[:-6].replace("/", ".") for name in jar.namelist() if name.endswith(".class"))
    scripts = {
        script: next(name for name in candidates if name in classes)
        for script, candidates in SCRIPTS.items()
        if any(name in classes for name in candidates)
    }
    paths = [path for _group, _artifact, _number, path in found]
    return {"kafka": version, "jars": jars, "scripts": scripts, "settings": settings(paths)}


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
