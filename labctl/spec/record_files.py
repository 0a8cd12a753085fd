"""The files of seed records that a lab.yaml names: where they are."""

from __future__ import annotations

from pathlib import Path

from labctl.spec.model import LabSpec, Problem, RecordFileSpec


def record_file_problems(spec: LabSpec, folder: Path) -> list[Problem]:
    """Return which files are not in `folder`, where lab.yaml is, or below it: somebody else's lab.yaml could read any.

    Links are followed. Whether a file is there, and what is in it, is not examined.
    """
    return [
        (("topics", place, "records", "file"), what)
        for place, topic in enumerate(spec.topics)
        if topic.record_file and (what := _problem(topic.record_file, folder))
    ]


def _problem(file: str, folder: Path) -> str:
    """What is wrong with the place of a file, "" where nothing is."""
    if any(part.startswith(".") and part not in {".", ".."} for part in Path(file).parts):
        return "has a part that begins with a dot, as files of programs have; --trust accepts that"
    try:
        inside = (folder / file).resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError) as error:  # links that lead to each other
        return f"can't be read: {error}"
    return "" if inside else "is not in the folder of lab.yaml or below it; --trust accepts that"


def with_record_paths(spec: LabSpec, folder: Path) -> LabSpec:
    """Return `spec` with the absolute paths of its files of seed records: in lab.yaml they are relative to `folder`."""
    topics = [
        topic.model_copy(update={"records": RecordFileSpec(file=str((folder / topic.record_file).resolve()))})
        if topic.record_file
        else topic
        for topic in spec.topics
    ]
    return spec.model_copy(update={"topics": topics})
