"""Commands that end with a report: up, check, run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labctl.cli.commands import PASS_OPTIONS_ON, Command
from labctl.cli.options import (
    json_option,
    lab_folder,
    lab_name,
    lab_options,
    lab_request,
    lab_store,
    plan_options,
    reports_run,
    run_options,
)

if TYPE_CHECKING:
    from labctl.cli.console import Console
    from labctl.lab.request import LabRequest
    from labctl.results import RunResult

FOREIGN_FOLDER = "_check"  # for the reports of a Kafka that is not a lab; no lab can have this name
ADDRESS = re.compile(r"\[?[\w.:-]+\]?:[0-9]{1,5}", re.ASCII)


@click.command(cls=Command)
@lab_options
@plan_options
@run_options
@click.option("--keep", is_flag=True, help="Keep a lab that did not come up, so that you can examine it.")
@click.option(
    "--from",
    "export",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Create the lab that `labctl export` wrote into FILE, with its data.",
)
@json_option
@click.pass_obj
@reports_run
def up(
    console: Console,
    /,
    file: Path | None,
    name: str | None,
    keep: bool,
    export: Path | None,
    as_json: bool,
    **overrides: Any,
) -> None:
    """Bring the lab up, wait until it is ready, check it, report."""
    from labctl.cli.run_output import up_text
    from labctl.lab import lifecycle

    request = lab_request(file, name, export=export, **overrides)
    _announce(console, request)
    run = lifecycle.up(request, lab_store(), console, keep=keep)
    console.line(up_text(run, request.spec))


@click.command(cls=Command)
@lab_options
@click.argument("names", nargs=-1)
@click.option("--bootstrap", metavar="HOST:PORT", help="Check any Kafka that somebody else started.")
@click.option("--container", metavar="NAME", help="Its container: check it with the console tools inside too.")
@click.option(
    "--compose",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A docker-compose.yml that is running: check all its Kafka nodes.",
)
@click.option(
    "--client-config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="How to log in: a client's configuration file, Java's or librdkafka's.",
)
@click.option(
    "--expect", type=click.Path(path_type=Path), metavar="FILE", help="A lab.yaml with the topics that it should have."
)
@json_option
@click.pass_obj
@reports_run
def check(
    console: Console,
    file: Path | None,
    name: str | None,
    names: tuple[str, ...],
    bootstrap: str | None,
    container: str | None,
    compose: Path | None,
    client_config: Path | None,
    expect: Path | None,
    as_json: bool,
) -> None:
    """Check a running lab, or any Kafka.

    NAMES are the checks to run (default: all). A Kafka that somebody else started is examined layer by layer first:
    name, TCP, TLS, Kafka, login, metadata, each advertised address and who responds there.
    """
    from labctl.errors import SpecError
    from labctl.report.summary import summary

    if (expect or container or client_config) and not (bootstrap or compose):
        raise SpecError(
            ["--expect, --container and --client-config need --bootstrap: labctl knows these of its own labs"]
        )
    if compose and (container or bootstrap):
        raise SpecError(
            ["--compose has containers and addresses of its own: use it without --bootstrap and --container"]
        )
    if bootstrap and not all(ADDRESS.fullmatch(address) for address in bootstrap.split(",")):
        raise SpecError([f"--bootstrap {bootstrap}: an address is HOST:PORT, like localhost:9092"])
    if bootstrap or compose:
        run = _check_foreign(console, names, bootstrap or "", container or "", compose, client_config, expect)
    else:
        from labctl.lab import verify

        run = verify.check(lab_name(file, name), lab_store(), console, names, "full")
    console.line(summary(run))
    for path in [path for path in run.files if path.endswith(".html")]:
        console.line(f"  report: {path}")


def _check_foreign(
    console: Console,
    names: tuple[str, ...],
    bootstrap: str,
    container: str,
    compose: Path | None,
    client_config: Path | None,
    expect: Path | None,
) -> RunResult:
    """Check a Kafka that somebody else started."""
    from labctl.lab.compose_kafkas import compose_kafkas
    from labctl.lab.foreign import ForeignKafka, check_foreign
    from labctl.spec.loader import load_spec

    expected = load_spec(expect, trusted=True) if expect else None
    kafkas = compose_kafkas(compose) if compose else [ForeignKafka(bootstrap, container)]
    folder = lab_folder(None, FOREIGN_FOLDER)
    return check_foreign(kafkas, folder, lab_store(), console, names, expected, client_config)


@click.command(cls=Command, context_settings=PASS_OPTIONS_ON)
@lab_options
@plan_options
@run_options
@click.argument("command", nargs=-1, type=click.UNPROCESSED, required=True)
@click.pass_obj
def run(console: Console, /, file: Path | None, name: str | None, command: tuple[str, ...], **overrides: Any) -> None:
    """Bring up a lab, run COMMAND with it, remove the lab.

    COMMAND has KAFKA_BOOTSTRAP_SERVERS and other variables in its environment; its exit code is returned.
    """
    from labctl.lab import ephemeral

    request = lab_request(file, name, **overrides)
    _announce(console, request)
    code = ephemeral.run(request, lab_store(), console, command)
    if code and console.run and console.run.status != "passed":
        console.not_verified()
    click.get_current_context().exit(code)


def _announce(console: Console, request: LabRequest) -> None:
    console.line(f"labctl: lab {request.spec.name}, Kafka {request.spec.kafka.version}")


COMMANDS = {"up": up, "check": check, "run": run}
