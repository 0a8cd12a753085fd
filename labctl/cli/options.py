"""Options that several commands have, and the lab that they mean."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from labctl.cli.output import print_json_text
from labctl.runtime_traits import RUNTIMES

if TYPE_CHECKING:
    from labctl.cli.console import Console
    from labctl.lab.existing import ExistingLab
    from labctl.lab.request import LabRequest
    from labctl.spec.model import LabSpec
    from labctl.state.store import LabStore

F = TypeVar("F", bound=Callable[..., Any])


class TableChoice(click.Choice):  # type: ignore[type-arg]
    """A choice among the keys of a table, which is imported when they are needed."""

    def __init__(self, load: Callable[[], Iterable[str]]) -> None:
        self._load = load
        self.case_sensitive = True

    @property
    def choices(self) -> tuple[str, ...]:  # type: ignore[override]
        """The keys."""
        return tuple(self._load())


def _presets() -> Iterable[str]:
    from labctl.rendering.templates import presets

    return presets()


PRESET = TableChoice(_presets)


def lab_options(command: F) -> F:
    """Return the command with -f and --name: which lab it is about."""
    command = click.option("--name", metavar="NAME", help="The lab's name, instead of lab.yaml's.")(command)
    return click.option(
        "-f",
        "--file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="lab.yaml (default: ./lab.yaml if it exists, else the homework lab).",
    )(command)


def override_options(command: F) -> F:
    """Return the command with the options that replace values of lab.yaml."""
    options = (
        click.option("--runtime", metavar="R", help=f"{', '.join(['auto', *RUNTIMES])}."),
        click.option("--preset", type=PRESET, help="A ready-made lab instead of lab.yaml."),
        click.option("--ports", type=click.Choice(["auto"]), help="Free ports instead of fixed ones."),
        click.option("--kafka", metavar="VERSION", help="The version of Kafka."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def plan_options(command: F) -> F:
    """Return the command with the options that replace values of lab.yaml, and --trust: it acts on them."""
    trust = click.option(
        "--trust",
        is_flag=True,
        help="Accept a lab.yaml that others can change, and settings that load code or read files.",
    )
    return override_options(trust(command))


def run_options(command: F) -> F:
    """Return the command with the options of those that bring a lab up."""
    command = click.option(
        "--checks", type=click.Choice(["none", "quick", "full"]), help="Which checks (default: full)."
    )(command)
    return click.option("--timeout", type=int, metavar="S", help="Seconds from the start to the end of the checks.")(
        command
    )


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")


def seconds_of(option: str, text: str) -> int:
    """Return the seconds of a span like 2h, the value of an option. Raises SpecError."""
    from labctl.errors import SpecError
    from labctl.time_spans import parse_seconds

    try:
        return parse_seconds(text)
    except ValueError as error:
        raise SpecError([f"{option} {error}"]) from None


def lab_request(file: Path | None, name: str | None, *, trust: bool = False, **overrides: Any) -> LabRequest:
    """Return the lab that the options mean; `trust` accepts any lab.yaml. Raises SpecError."""
    from labctl.errors import SpecError
    from labctl.lab.request import LabRequest
    from labctl.system.ownership import require_own

    preset, export = overrides.pop("preset", None), overrides.pop("export", None)
    if sum(map(bool, (preset, file, export))) > 1:
        raise SpecError(["--preset, --from and -f exclude each other: use only one of them"])
    if export:
        return _exported_request(export, name, trust=trust, **overrides)
    path = None if preset else _lab_yaml(file)
    if path and not trust:
        require_own(path)
    spec = _wanted_spec(path, name, preset, trust=trust, **overrides)
    return LabRequest(spec, _source(path), lab_folder(path, spec.name))


def _exported_request(export: Path, name: str | None, *, trust: bool, **overrides: Any) -> LabRequest:
    """The lab in a file that `labctl export` wrote."""
    from labctl.lab.export import exported_spec
    from labctl.lab.request import LabRequest
    from labctl.spec.loader import with_overrides

    spec = with_overrides(exported_spec(export, trusted=trust), name=name, trusted=trust, **overrides)
    return LabRequest(spec, "", lab_folder(None, spec.name), export)


def lab_folder(file: Path | None, name: str) -> Path:
    """Return the folder of a lab's rendered files and reports: beside its lab.yaml, else in the current folder."""
    from labctl.system.files import require_utf8_name

    folder = file.resolve().parent if file else Path.cwd()
    require_utf8_name(folder, "the folder")
    return folder / ".labctl" / name


def lab_name(file: Path | None, name: str | None) -> str:
    """Return the name of the lab that the options mean; with --name no lab.yaml is read. Raises SpecError."""
    from labctl.spec.loader import checked_name
    from labctl.state.store import refuse_other_source

    if name:
        return checked_name(name)
    path = _lab_yaml(file)
    wanted = _wanted_spec(path, None, None, trust=True).name
    record = lab_store().load(wanted)
    if record and path:
        refuse_other_source(record, _source(path))
    return wanted


def opened_lab(file: Path | None, name: str | None, console: Console) -> ExistingLab:
    """Return the existing lab that the options mean. Raises SpecError, LabStopped."""
    from labctl.lab.existing import open_lab

    return open_lab(lab_name(file, name), lab_store(), console)


def lab_store() -> LabStore:
    """Return the labs of this user."""
    from labctl.state.store import LabStore

    return LabStore()


def reports_run(command: F) -> F:
    """Return the command so that it prints its report with --json, and exits with 1 after failed checks.

    The report is printed after a failure too.
    """

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        console: Console = click.get_current_context().obj
        try:
            command(*args, **kwargs)
        finally:
            if kwargs.get("as_json") and console.run:
                from labctl.report import FORMATS

                print_json_text(FORMATS["json"](console.run))
        if console.run and console.run.status != "passed":
            console.not_verified()
            click.get_current_context().exit(1)

    return wrapped  # type: ignore[return-value]


def _lab_yaml(file: Path | None) -> Path | None:
    """The lab.yaml that the options mean: that of -f, else that of the current folder, else none."""
    return file or (Path("lab.yaml") if os.path.lexists("lab.yaml") else None)  # what is no file is refused


def _source(path: Path | None) -> str:
    return str(path.resolve()) if path else ""


def _wanted_spec(path: Path | None, name: str | None, preset: str | None, *, trust: bool, **overrides: Any) -> LabSpec:
    """The spec of a lab.yaml, of a preset, or else of the lab that exists."""
    from labctl.lab.request import preset_spec
    from labctl.spec.loader import load_spec, with_overrides

    spec = load_spec(path, trusted=trust) if path else preset_spec(preset) if preset else _recorded_spec(name)
    return with_overrides(spec, name=name, trusted=trust, **overrides)


def _recorded_spec(name: str | None) -> LabSpec:
    """The spec without a lab.yaml and a preset: that of the lab that such options created, else the homework."""
    from labctl.lab.existing import recorded_spec
    from labctl.spec.loader import checked_name
    from labctl.spec.model import default_spec

    default = default_spec()
    record = lab_store().load(checked_name(name) if name else default.name)
    if record is None or record.source:
        return default
    # these two are valid for a single call
    return recorded_spec(record).model_copy(update={"checks": default.checks, "timeout": default.timeout})
