"""A lab as a folder: its spec, and the data of each of its nodes and services, byte for byte.

The data are those of nodes that were stopped, so that topics, offsets, groups, timestamps, schemas and connectors are
all in them, exactly as they were.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from labctl import __version__
from labctl.errors import HostError, SpecError
from labctl.lab.existing import ExistingLab
from labctl.plan.model import LabPlan
from labctl.runtime.base import Runtime
from labctl.runtime.jvm.checksums import checksum
from labctl.system.files import file_errors
from labctl.system.parallel import run_all
from labctl.versions import version_tuple

FORMAT = 1
DOCUMENT, DATA = "lab.json", "data"
DELETED = "*-delete"  # folders that Kafka deletes a minute later
WORKERS = 4
OTHER_SPACE = "free some space, or fix the folder"
CLUSTER_ID, IDS = "cluster.id=", "meta.properties"  # of the storage of a node


@dataclass(frozen=True, slots=True)
class SavedLab:
    """A lab that was saved in a folder. `files` are {node or service: {path: (sha256, bytes)}}."""

    folder: Path
    name: str
    kafka_version: str  # that of its data
    runtime: str
    created_at: str
    spec: Mapping[str, Any]
    files: Mapping[str, Mapping[str, tuple[str, int]]]

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(size for files in self.files.values() for _digest, size in files.values())


def save_lab(lab: ExistingLab, into: Path, created_at: str) -> SavedLab:
    """Copy the data of a lab, none of whose nodes runs, into the folder `into`, and return it.

    What topics that Kafka is deleting still have is left out. Raises HostError where a file can't be written,
    RuntimeFailed; SpecError where the runtime can't copy data. Nothing is left in `into` then.
    """
    plan = lab.plan
    try:
        with file_errors(into, OTHER_SPACE):
            shutil.rmtree(into, ignore_errors=True)
            (into / DATA).mkdir(parents=True)
            for name in plan.part_names:
                lab.runtime.save_data(name, into / DATA / name)
                for deleted in (into / DATA / name).glob(DELETED):
                    shutil.rmtree(deleted)
            document = {
                "format": FORMAT,
                "labctl": __version__,
                "lab": plan.name,
                "kafka_version": lab.record.identity.kafka_version or plan.kafka_version,
                "runtime": plan.runtime.name,
                "created_at": created_at,
                "spec": lab.record.spec,
                "files": {name: _checksums(into / DATA / name) for name in plan.part_names},
            }
            (into / DOCUMENT).write_text(json.dumps(document, indent=1), encoding="utf-8")
        return read_saved(into)
    except BaseException:
        shutil.rmtree(into, ignore_errors=True)
        raise


def parse_saved(text: str | bytes, folder: Path) -> SavedLab:
    """Return the saved lab that a document describes, in `folder`. Raises SpecError where this labctl can't read it."""
    try:
        document = json.loads(text)
        number = document["format"]
        if number != FORMAT:
            problem = f"{folder}: labctl {document.get('labctl', '')} wrote it, in format {number}"
            raise SpecError([f"{problem}; this labctl reads format {FORMAT}"], "use that version of labctl")
        version_tuple(document["kafka_version"])  # it is compared later
        files = {
            name: {path: (str(digest), int(size)) for path, (digest, size) in found.items()}
            for name, found in document["files"].items()
        }
        texts = {key: str(document[key]) for key in ("kafka_version", "runtime", "created_at")}
        return SavedLab(folder, str(document["lab"]), spec=document["spec"], files=files, **texts)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise SpecError([f"{folder}: it has no lab that labctl saved: {error}"]) from None


def read_saved(folder: Path) -> SavedLab:
    """Return the lab that was saved in `folder`. Raises SpecError where there is none, or this labctl can't read it."""
    try:
        text = (folder / DOCUMENT).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise SpecError([f"{folder}: it has no lab that labctl saved: {error}"]) from None
    return parse_saved(text, folder)


def require_complete(saved: SavedLab) -> None:
    """Raise HostError where a file of a saved lab is missing, or is not as it was saved."""
    for name, files in saved.files.items():
        folder = saved.folder / DATA / name
        found = _checksums(folder)
        wrong = sorted(path for path in {*files, *found} if files.get(path) != found.get(path))
        if wrong:
            raise HostError(
                f"the saved lab {saved.name} is damaged: {name}/{wrong[0]} is not as it was saved",
                "use another copy of it",
            )


def require_fitting(saved: SavedLab, plan: LabPlan) -> None:
    """Raise SpecError where a lab with this plan can't have the data of a saved lab."""
    if version_tuple(plan.kafka_version)[:2] < version_tuple(saved.kafka_version)[:2]:
        what = f"Kafka {saved.kafka_version} wrote the data, and Kafka {plan.kafka_version} can't read them"
        raise SpecError([f"the saved lab {saved.name}: {what}"], f"--kafka {saved.kafka_version}, or a newer one")
    if sorted(saved.files) != sorted(plan.part_names):
        had, wanted = ", ".join(saved.files), ", ".join(plan.part_names)
        raise SpecError([f"the saved lab {saved.name} has the data of {had}, and this lab has {wanted}"])
    if missing := [name for name in plan.node_names if IDS not in saved.files[name]]:
        raise SpecError([f"the saved lab {saved.name} has no {IDS} of {missing[0]}"])


def load_lab(saved: SavedLab, plan: LabPlan, runtime: Runtime) -> None:
    """Put the data of a saved lab in place of those of a lab, none of whose nodes runs.

    The nodes get the cluster id of their lab. Raises HostError, RuntimeFailed, SpecError as `save_lab`.
    """
    with file_errors(saved.folder, OTHER_SPACE):
        for name in plan.node_names:
            _set_cluster_id(saved.folder / DATA / name / IDS, plan.cluster_id)
    for name in plan.part_names:
        runtime.load_data(name, saved.folder / DATA / name)


def _set_cluster_id(path: Path, cluster_id: str) -> None:
    lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    changed = [f"{CLUSTER_ID}{cluster_id}" if line.startswith(CLUSTER_ID) else line for line in lines]
    if changed != lines:
        path.write_text("".join(f"{line}\n" for line in changed), encoding="utf-8", errors="surrogateescape")


def _checksums(folder: Path) -> dict[str, tuple[str, int]]:
    """{path below `folder`: (sha256, bytes)} of its files."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    digests = run_all([partial(checksum, path, "sha256") for path in paths], WORKERS)
    return {
        str(path.relative_to(folder)): (digest or "", path.stat().st_size)
        for path, digest in zip(paths, digests, strict=True)
    }
