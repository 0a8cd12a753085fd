"""A client project for the lab: the same small program in four languages, with the lab's addresses filled in."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from labctl.environment import client_settings, login_as
from labctl.errors import SpecError
from labctl.files import is_taken, write_files
from labctl.plan import LabPlan
from labctl.render import render_template, templates_folder
from labctl.tools import name_option

FOLDER = "example"  # of the templates: a folder for each language, its files as they are in the project


@dataclass(frozen=True, slots=True)
class Language:
    """What a project's README says of its language and client."""

    name: str
    client: str
    documentation: str
    needs: str
    commands: tuple[str, ...]  # what builds and runs it


LANGUAGES = {
    "python": Language(
        "Python",
        "kafka-python",
        "https://kafka-python.readthedocs.io",
        "Python 3.10 or newer",
        ("python3 -m venv .venv", ".venv/bin/pip install -e .", ".venv/bin/orders"),
    ),
    "java": Language(
        "Java",
        "kafka-clients",
        "https://kafka.apache.org/documentation/#api",
        "a JDK 17 or newer and Maven",
        ("mvn --quiet compile exec:java",),
    ),
    "node": Language("Node.js", "kafkajs", "https://kafka.js.org", "Node.js 18 or newer", ("npm install", "npm start")),
    "go": Language(
        "Go",
        "franz-go",
        "https://pkg.go.dev/github.com/twmb/franz-go/pkg/kgo",
        "Go 1.26 (one from 1.21 on fetches that itself)",
        ("go run .",),
    ),
}


def make_example(plan: LabPlan, key: str, user: str | None = None) -> dict[str, str]:
    """The files of the project in the language LANGUAGES[key]: {path in its folder: text}.

    The program logs in as `user` (default: the lab's first one). Raises SpecError.
    """
    values = {
        "plan": plan,
        "language": LANGUAGES[key],
        "again": shlex.join(["labctl", "example", *name_option(plan.name), key, "--force", "-o", "."]),
        "status": shlex.join(["labctl", "status", *name_option(plan.name)]),
        "topic": plan.main_topic,
        "bootstrap": plan.external.split(","),
        "login": login_as(plan, user),
        "properties": client_settings(plan, "properties", user),
    }
    folder = templates_folder() / FOLDER / key
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.j2"))
    files = {name.removesuffix(".j2"): render_template(f"{FOLDER}/{key}/{name}", **values) for name in names}
    return files | {"README.md": render_template(f"{FOLDER}/README.md.j2", **values)}


def write_example(files: dict[str, str], folder: Path, *, force: bool) -> None:
    """Write the project; what else is in its folder stays. Raises SpecError where something is there, HostError."""
    if is_taken(folder) and not force:
        raise SpecError([f"{folder} is there already"], "--force writes the project's files over those in it")
    write_files(files, folder, "name another folder: -o DIR")


def to_run(key: str, folder: Path) -> str:
    """What a person types to build and run the project in `folder`."""
    return " && ".join([f"cd {shlex.quote(str(folder))}", *LANGUAGES[key].commands])
