"""The files of seed records that a lab.yaml names: where they are."""

from __future__ import annotations

from pathlib import Path

from labctl.spec.model import LabSpec, Problem, RecordFileSpec


def record_file_problems(spec: LabSpec, folder: Path) -> list[Problem]:
    """Return which files are not in `folder`, where lab.yaml is, or below it: somebody else's lab.yaml could read any.

    Links are followed. Whether a file is there, and what is in it, is not examined.
    """
    inside = folder.resolve()
    return [
        (("topics", place, "records", "file"), "is not in the folder of lab.yaml or below it; --trust accepts that")
        for place, topic in enumerate(spec.topics)
        if topic.record_file and not (folder / topic.record_file).resolve().is_relative_to(inside)
    ]


def with_record_paths(spec: LabSpec, folder: Path) -> LabSpec:
    """Return `spec` with the absolute paths of its files of seed records: in lab.yaml they are relative to `folder`."""
    topics = [
        topic.model_copy(update={"records": RecordFileSpec(file=str((folder / topic.record_file).resolve()))})
        if topic.record_file
        else topic
        for topic in spec.topics
    ]
    return spec.model_copy(update={"topics": topics})
