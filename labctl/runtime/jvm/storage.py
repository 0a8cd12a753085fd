"""A node's storage: formatted by Kafka's own tool, or copied from storage that it formatted before."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import uuid
from pathlib import Path

from labctl.errors import RuntimeFailed
from labctl.kafka.console_tools import format_options
from labctl.kafka.security_settings import host_secrets
from labctl.kafka_ids import encoded_id
from labctl.plan.model import CONTROLLER, LabPlan, NodePlan
from labctl.runtime.jvm.jvm_options import LocalKafka, clean_environment
from labctl.runtime.jvm.node import lab_argument, node_folder
from labctl.versions import has

FORMAT_SECONDS = 60
# The first records of the cluster's metadata, which the format tool writes: feature levels and users, no ids.
BOOTSTRAP_FILE = "bootstrap.checkpoint"  # in every node
BOOTSTRAP_SNAPSHOT = "__cluster_metadata-0/00000000000000000000-0000000000.checkpoint"  # in controllers alone
IDS = "meta.properties"


def bootstrap_records(kafka_version: str) -> str:
    """Return the path of the first metadata records below the data folder of a node that was just formatted."""
    return BOOTSTRAP_SNAPSHOT if has(kafka_version, "bootstrap snapshot") else BOOTSTRAP_FILE


def make_storage(kafka: LocalKafka, plan: LabPlan, node: NodePlan, files: Path) -> None:
    """Give the node formatted storage, unless it has some.

    Raises RuntimeFailed with the format tool's output, OSError.
    """
    data = node_folder(plan, node) / "data"
    if (data / IDS).exists():
        return
    if plan.dynamic_quorum:
        _make_dynamic_storage(kafka, plan, node, files)
        return
    if CONTROLLER in node.roles or not has(kafka.version, "bootstrap snapshot"):
        template = _formatted(kafka, plan) if plan.security else kafka.storage
        if template is None:
            format_storage(kafka, plan, node, files)
            return
        copy_records(kafka.version, Path(template), data)
    _write_ids(plan, node, data)


def _make_dynamic_storage(kafka: LocalKafka, plan: LabPlan, node: NodePlan, files: Path) -> None:
    """The storage of a node whose quorum can change: only the voters of the beginning know each other from it."""
    data = node_folder(plan, node) / "data"
    others = [node_folder(plan, other) / "data" for other in plan.nodes if other.directory_id and other is not node]
    formatted = next((folder for folder in others if (folder / IDS).exists() and not _has_begun(folder)), None)
    if node.directory_id and formatted:
        for checkpoint in formatted.rglob("*.checkpoint"):
            target = data / checkpoint.relative_to(formatted)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(checkpoint, target)
        _write_ids(plan, node, data)
    else:
        format_storage(kafka, plan, node, files)


def _has_begun(data: Path) -> bool:
    """Whether a node has run on its storage."""
    return any((data / "__cluster_metadata-0").glob("*.log"))


def _write_ids(plan: LabPlan, node: NodePlan, data: Path) -> None:
    directory = node.directory_id or encoded_id(uuid.uuid4())
    ids = {"cluster.id": plan.cluster_id, "directory.id": directory, "node.id": node.id, "version": 1}
    (data / IDS).write_text("".join(f"{key}={value}\n" for key, value in ids.items()))


def copy_records(kafka_version: str, source: Path, data: Path) -> None:
    """Copy the first metadata records from one data folder to another. Raises OSError."""
    records = bootstrap_records(kafka_version)
    (data / records).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / records, data / records)


def format_storage(kafka: LocalKafka, plan: LabPlan, node: NodePlan, files: Path) -> None:
    """Format the node's storage with Kafka's own tool. Raises RuntimeFailed with its output."""
    folder = node_folder(plan, node)
    java = [
        str(kafka.java.executable),
        lab_argument(plan.state),
        f"@{folder / 'storage.args'}",
        kafka.scripts["kafka-storage.sh"],
    ]
    command = [*java, "format", "-t", plan.cluster_id, "-c", str(files / "server.properties")]
    command += format_options(plan, node)
    if plan.security:
        command.append(f"@{host_secrets(plan, node) / 'format.args'}")
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=FORMAT_SECONDS, check=False, env=clean_environment()
        )
    except subprocess.TimeoutExpired:
        raise RuntimeFailed(shlex.join(command), None, "") from None
    if done.returncode:
        # its stdout has the salts and keys of the users
        raise RuntimeFailed(shlex.join(command), done.returncode, done.stderr or ("" if plan.security else done.stdout))


def _formatted(kafka: LocalKafka, plan: LabPlan) -> Path | None:
    """The formatted storage of another node of this lab, which contains the lab's users."""
    folders = [node_folder(plan, node) / "data" for node in plan.nodes]
    records = bootstrap_records(kafka.version)
    return next((folder for folder in folders if (folder / IDS).exists() and (folder / records).exists()), None)
