"""A whole lab as one file: a gzip-compressed tar archive of a saved lab, and the way back."""

from __future__ import annotations

import gzip
import json
import tarfile
import zlib
from pathlib import Path
from typing import Any

from labctl.diagnostics.redaction import is_secret, secrets_in
from labctl.errors import HostError, LabStopped, SpecError
from labctl.lab.existing import LOCK_SECONDS, ExistingLab, open_lab
from labctl.lab.reporter import Reporter
from labctl.lab.saved_lab import DATA, DOCUMENT, OTHER_SPACE, SavedLab, parse_saved, read_saved, require_complete
from labctl.lab.services import service_state
from labctl.lab.snapshots import save_stopped
from labctl.plan.model import ServicePlan
from labctl.services import connectors
from labctl.spec.model import LabSpec
from labctl.state.store import LabStore
from labctl.state.work_folders import work_folder
from labctl.system.archives import unpack_tar
from labctl.system.files import file_errors, writing_file

QUICK = 1  # level of gzip: Kafka's batches are compressed by their producers, and the rest is mostly zeros
LARGEST_DOCUMENT = 50_000_000  # bytes
NO_EXPORT = "no lab that `labctl export` wrote"
MAVEN = "maven:"


def export_lab(name: str, path: Path, store: LabStore, reporter: Reporter) -> tuple[SavedLab, bool]:
    """Stop the lab, write all of it into the file `path`, and return it, and whether the lab was running.

    The caller starts the lab again. Raises SpecError where the lab can't be one file; HostError where a file can't be
    written, RuntimeFailed, LabStopped where there is no such lab.
    """
    with store.locked(name, doing="export", seconds=LOCK_SECONDS, note=reporter.note):
        lab = open_lab(name, store, reporter)
        _refuse_unportable(lab)
        with work_folder(store.root, "export") as folder, writing_file(path, "name another file") as file:
            saved, was_running = save_stopped(lab, folder / "lab", store)
            _write_document(lab, saved)
            with tarfile.open(fileobj=file, mode="w:gz", compresslevel=QUICK) as archive:
                archive.add(saved.folder / DOCUMENT, DOCUMENT)  # first: a reader need not unpack the rest for it
                archive.add(saved.folder / DATA, DATA)
            return saved, was_running


def _refuse_unportable(lab: ExistingLab) -> None:
    """Raise SpecError where others can't have the lab: an export has no secret, and works on other machines."""
    plan = lab.plan
    if plan.security:
        problem = "Kafka's metadata contain the salted passwords of its users, and an export has no secrets"
        raise _refusal(plan.name, problem, "labctl snapshot save keeps it here")
    if plan.dynamic_quorum:
        problem = "its metadata contain the ids of its voters' folders, which belong to its own cluster id"
        raise _refusal(plan.name, problem, "labctl snapshot save keeps it here")
    if secrets_in(dict(plan.broker_config)):
        problem = "kafka.config has a secret, and an export has none"
        raise _refusal(plan.name, problem, "remove the setting, then labctl up")
    connect = plan.service("connect")
    if connect:
        _refuse_secrets_of_connectors(lab, connect)
    local = [plugin for plugin in connect.plugins if not plugin.startswith(MAVEN)] if connect else []
    if local:
        problem = f"its plugin {local[0]} is a file of this machine"
        raise SpecError(
            [f"the lab {plan.name} can't be exported: {problem}"], "name it as maven:GROUP:ARTIFACT:VERSION"
        )


def _refusal(lab: str, problem: str, hint: str) -> SpecError:
    return SpecError([f"the lab {lab} can't be exported: {problem}"], hint)


def _refuse_secrets_of_connectors(lab: ExistingLab, connect: ServicePlan) -> None:
    """Raise SpecError where a connector has a password, which is in Kafka's data; LabStopped where nobody knows."""
    name = lab.plan.name
    if service_state(lab.runtime, connect).state != "running":
        raise LabStopped(
            f"the Kafka Connect of the lab {name} does not run: it must say whether a connector has a password",
            "labctl up, then labctl export again",
        )
    found = [
        f"{each} has {key}" for each, config in connectors.configs(connect).items() for key in config if is_secret(key)
    ]
    if found:
        problem = f"the connector {found[0]}, and an export has no secrets"
        raise _refusal(name, problem, "delete the connector, then export again")


def _write_document(lab: ExistingLab, saved: SavedLab) -> None:
    """Write the document again, without what is this machine's own: files of seed records, whose records are there."""
    document = json.loads((saved.folder / DOCUMENT).read_text(encoding="utf-8"))
    for topic in document["spec"]["topics"]:
        if isinstance(topic["records"], dict):
            topic["records"] = []
    (saved.folder / DOCUMENT).write_text(json.dumps(document, indent=1), encoding="utf-8")


def exported_spec(path: Path, *, trusted: bool) -> LabSpec:
    """Return the spec of the lab in an export, whose data are not unpacked.

    Raises SpecError where it is no export, or has connectors and is not `trusted`.
    """
    with _opened(path) as archive:
        try:
            member = archive.next()
            if member is None or member.name != DOCUMENT or not member.isfile() or member.size > LARGEST_DOCUMENT:
                raise SpecError([f"{path}: {NO_EXPORT}"])
            file = archive.extractfile(member)
            saved = parse_saved(file.read() if file else b"", path)
        except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
            raise SpecError([f"{path}: {NO_EXPORT}: {error}"]) from None
    try:
        spec = LabSpec.model_validate(saved.spec)
    except ValueError as error:
        raise SpecError([f"{path}: {error}"], "it may be of a newer labctl") from None
    if spec.services.connect and not trusted:
        what = "it has Kafka Connect, whose connectors run as soon as the lab starts"
        raise SpecError([f"{path}: {what}"], "if you trust whoever made it: --trust")
    return spec


def unpack_export(path: Path, folder: Path) -> SavedLab:
    """Unpack an export into the empty folder `folder`, and return the lab. Raises SpecError, HostError."""
    with _opened(path) as archive, file_errors(folder, OTHER_SPACE):
        try:
            unpack_tar(archive, folder)
        except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise HostError(f"{path} can't be unpacked: {error}", "use another copy of it") from None
    saved = read_saved(folder)
    require_complete(saved)
    return saved


def _opened(path: Path) -> Any:
    try:
        return tarfile.open(path, "r:gz")
    except FileNotFoundError:
        raise SpecError([f"{path}: no such file"], "labctl export FILE writes one") from None
    except (tarfile.TarError, EOFError, OSError) as error:
        raise SpecError([f"{path}: {NO_EXPORT}: {error}"]) from None
