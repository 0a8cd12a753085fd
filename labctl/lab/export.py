"""A whole lab as one file: a gzip-compressed tar archive of a saved lab, and the way back."""

from __future__ import annotations

import gzip
import json
import shutil
import tarfile
import zlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from labctl.diagnostics.redaction import Redactor, secrets_in
from labctl.errors import HostError, LabStopped, SpecError
from labctl.lab.existing import LOCK_SECONDS, ExistingLab, open_lab
from labctl.lab.existing import connect as open_client
from labctl.lab.reporter import Reporter
from labctl.lab.saved_lab import (
    DATA,
    DOCUMENT,
    OTHER_SPACE,
    SavedLab,
    parse_saved,
    require_complete,
    require_fitting,
)
from labctl.lab.services import service_state
from labctl.lab.snapshots import save_stopped
from labctl.plan.model import LabPlan, ServicePlan
from labctl.services import connect as connect_settings
from labctl.spec.formats import MAVEN
from labctl.spec.model import LabSpec, default_spec
from labctl.state.store import LabStore
from labctl.state.work_folders import work_folder
from labctl.system.archives import owned_by, unpack_tar
from labctl.system.files import file_errors, writing_file

QUICK = 1  # level of gzip: Kafka's batches are compressed by their producers, and the rest is mostly zeros
LARGEST_DOCUMENT = 50_000_000  # bytes
NO_EXPORT = "no lab that `labctl export` wrote"


def export_lab(name: str, path: Path, store: LabStore, reporter: Reporter) -> SavedLab:
    """Stop the lab, write all of it into the file `path`, and return it.

    The caller starts the lab again. Raises SpecError where the lab can't be one file; HostError where a file can't be
    written, RuntimeFailed, LabStopped where there is no such lab.
    """
    with store.locked(name, doing="export", seconds=LOCK_SECONDS, note=reporter.note):
        lab = open_lab(name, store, reporter)
        _refuse_unportable(lab)
        with work_folder(store.root, "export") as folder, writing_file(path, "name another file") as file:
            saved = save_stopped(lab, folder / "lab", store)
            _write_document(lab, saved)
            with tarfile.open(fileobj=file, mode="w:gz", compresslevel=QUICK) as archive:
                nobody = partial(owned_by, 0)
                archive.add(saved.folder / DOCUMENT, DOCUMENT, filter=nobody)  # first: it says what else there is
                archive.add(saved.folder / DATA, DATA, filter=nobody)
            return saved


def _refuse_unportable(lab: ExistingLab) -> None:
    """Raise SpecError where others can't have the lab: an export has no secret, and works on other machines."""
    plan = lab.plan
    if plan.security:
        problem = "Kafka's metadata contain the salted passwords of its users, and an export has no secrets"
        raise _refusal(plan.name, problem, "labctl snapshot save keeps it here")
    if plan.dynamic_quorum:
        problem = "its metadata contain the ids of its voters' folders, which belong to its own cluster id"
        raise _refusal(plan.name, problem, "labctl snapshot save keeps it here")
    if _has_secret(dict(plan.broker_config)):
        problem = "kafka.config has a secret, and an export has none"
        raise _refusal(plan.name, problem, "remove the setting, then labctl up")
    connect = plan.service("connect")
    if connect:
        _refuse_secrets_of_connectors(lab, connect)
    local = [plugin for plugin in connect.plugins if not plugin.startswith(MAVEN)] if connect else []
    if local:
        problem = f"its plugin {local[0]} is a file of this machine"
        raise _refusal(plan.name, problem, "name it as maven:GROUP:ARTIFACT:VERSION")


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
    with open_client(lab.plan) as client:
        values = [record.value or b"{}" for record in client.read(connect_settings.CONFIG_TOPIC)]
    for value in values:  # Kafka keeps the configurations of connectors that were changed or deleted, too
        if _has_secret(_properties(value)):
            problem = "a connector has, or had, a password in its configuration, and an export has no secrets"
            raise _refusal(name, problem, "labctl snapshot save keeps it here; or create the lab again without it")


def _properties(value: bytes) -> dict[str, Any]:
    """The configuration in a record of Kafka Connect's topic."""
    try:
        found = json.loads(value).get("properties") or {}
    except (ValueError, AttributeError):
        return {}
    return found if isinstance(found, dict) else {}


def _has_secret(settings: Mapping[str, Any]) -> bool:
    """Whether settings have a secret: by their names, in a JAAS line, or as the login in a URL."""
    texts = {key: str(value) for key, value in settings.items()}
    named = any(key.endswith(("user.info", "jaas.config")) and value for key, value in texts.items())
    return bool(named or secrets_in(texts) or Redactor().of(texts) != texts)


def _write_document(lab: ExistingLab, saved: SavedLab) -> None:
    """Write the document again, without what is this machine's own: files of seed records, whose records are there."""
    document = json.loads((saved.folder / DOCUMENT).read_text(encoding="utf-8"))
    spec = document["spec"]
    for topic in spec["topics"]:
        if isinstance(topic["records"], dict):
            topic["records"] = []
    default = default_spec()  # these are those of one call, or of this machine
    spec |= {"checks": default.checks, "timeout": default.timeout, "runtime": default.runtime}
    (saved.folder / DOCUMENT).write_text(json.dumps(document, indent=1), encoding="utf-8")


def exported_spec(path: Path, *, trusted: bool) -> LabSpec:
    """Return the spec of the lab in an export, whose data are not unpacked.

    Raises SpecError where it is no export, or has connectors and is not `trusted`.
    """
    with _opened(path) as archive:
        try:
            saved = parse_saved(_document(archive, path), path)
        except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
            raise SpecError([f"{path}: {NO_EXPORT}: {error}"]) from None
    try:
        spec = LabSpec.model_validate(saved.spec)
    except ValueError as error:
        raise SpecError([f"{path}: {error}"], "it may be of a newer labctl") from None
    if any(topic.record_file for topic in spec.topics):
        raise SpecError([f"{path}: it names a file of seed records: labctl export leaves those out"])
    if spec.services.wanted and not trusted:
        what = "it has services, whose data can run programs: connectors, and the database of the registry"
        raise SpecError([f"{path}: {what}"], "if you trust whoever made it: --trust")
    return spec


def unpack_export(path: Path, folder: Path, plan: LabPlan) -> SavedLab:
    """Unpack an export into the empty folder `folder`, and return the lab, which fits `plan`.

    Raises SpecError, HostError.
    """
    with _opened(path) as archive, file_errors(folder, OTHER_SPACE):
        try:
            document = _document(archive, path)
            saved = parse_saved(document, folder)
            require_fitting(saved, plan)
            sizes = {DOCUMENT: len(document)} | {
                f"{DATA}/{name}/{file}": size
                for name, files in saved.files.items()
                for file, (_, size) in files.items()
            }
            free = shutil.disk_usage(folder).free
            if saved.bytes > free:
                needed = f"{saved.bytes // 2**20} MiB when it is unpacked, {free // 2**20} MiB are free"
                raise HostError(f"{path} needs {needed}", OTHER_SPACE, "disk-full")
            unpack_tar(archive, folder, sizes)
        except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise HostError(f"{path} can't be unpacked: {error}", "use another copy of it") from None
    require_complete(saved)
    return saved


def _document(archive: tarfile.TarFile, path: Path) -> bytes:
    """The document of an export, its first member. Raises SpecError where it is none, TarError."""
    member = archive.next()
    if member is None or member.name != DOCUMENT or not member.isfile() or member.size > LARGEST_DOCUMENT:
        raise SpecError([f"{path}: {NO_EXPORT}"])
    file = archive.extractfile(member)
    return file.read() if file else b""


def _opened(path: Path) -> Any:
    try:
        return tarfile.open(path, "r:gz")
    except FileNotFoundError:
        raise SpecError([f"{path}: no such file"], "labctl export FILE writes one") from None
    except (tarfile.TarError, EOFError, OSError) as error:
        raise SpecError([f"{path}: {NO_EXPORT}: {error}"]) from None
