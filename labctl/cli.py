"""Commands and flags: the only place that prints errors and exits."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from labctl import __version__

if TYPE_CHECKING:
    from labctl.console import Console
    from labctl.lab import Wish
    from labctl.spec import LabSpec
    from labctl.store import LabStore

F = TypeVar("F", bound=Callable[..., Any])

PRESETS = ("homework", "cluster", "isolated", "secure")
REPORT_FORMATS = ("terminal", "md", "html", "json", "junit")
FOREIGN = "_check"  # for the reports of a Kafka that is no lab; no lab can be called so
COMMAND_BEHIND = {"allow_interspersed_args": False}  # an option behind the first word is that command's
ENV_FORMATS = ("shell", "dotenv", "json", "properties", "librdkafka")
LANGUAGES = ("python", "java", "node", "go")


class _Command(click.Command):
    """A command that takes labctl's own -v, -q and --no-color too: people type them behind its name."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for flags, attribute, value in ((("-v", "--verbose"), "loudness", 2), (("-q", "--quiet"), "loudness", 0)):
            self.params.append(_console_flag(flags, attribute, value))
        self.params.append(_console_flag(("--no-color",), "color", False))


def _console_flag(flags: tuple[str, ...], attribute: str, value: int) -> click.Option:
    def tell(ctx: click.Context, _option: click.Parameter, given: bool) -> None:
        if given:
            setattr(ctx.obj, attribute, value)

    return click.Option(flags, is_flag=True, hidden=True, expose_value=False, callback=tell)


class _Commands(click.Group):
    command_class = _Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


class _Group(_Commands):
    group_class = _Commands

    def invoke(self, ctx: click.Context) -> Any:
        from labctl.errors import LabError

        try:
            return super().invoke(ctx)
        except LabError as error:
            ctx.obj.failed(error)
            ctx.exit(error.exit_code)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="labctl", message="%(prog)s %(version)s")
@click.option("-v", "--verbose", is_flag=True, help="Say more: layers, attempts, skipped checks.")
@click.option("-q", "--quiet", is_flag=True, help="Say errors only.")
@click.option("--no-color", is_flag=True, help="No colours (as with NO_COLOR set).")
@click.pass_context
def cli(ctx: click.Context, verbose: bool, quiet: bool, no_color: bool) -> None:
    """A real Apache Kafka lab (KRaft) with one command: started, verified from both sides, taken away again."""
    from labctl.console import Console

    ctx.obj = Console(0 if quiet else 2 if verbose else 1, color=False if no_color else None)


def main() -> NoReturn:
    """The command `labctl`."""
    from labctl.interrupts import interrupt_once

    interrupt_once()
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort as abort:  # click's own name for an interrupt
        click.echo("labctl: interrupted", err=True)
        code = getattr(abort.__cause__, "exit_code", 130)
    except BrokenPipeError:
        code = 141
    _flush()
    # threads that a Kafka client left must not hold the process
    os._exit(code if isinstance(code, int) else 0)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (BrokenPipeError, ValueError):
            continue


# -- which lab -------------------------------------------------------------


def lab_options(command: F) -> F:
    """-f and --name: which lab a command is about."""
    command = click.option("--name", metavar="NAME", help="The lab's name, instead of lab.yaml's.")(command)
    return click.option(
        "-f",
        "--file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="lab.yaml (default: ./lab.yaml, else the homework lab).",
    )(command)


def plan_options(command: F) -> F:
    """The options that change what lab.yaml says."""
    options = (
        click.option("--runtime", metavar="R", help="auto, compose or local."),
        click.option("--preset", type=click.Choice(PRESETS), help="A ready lab instead of lab.yaml."),
        click.option("--ports", type=click.Choice(["auto"]), help="Free ports instead of the fixed ones."),
        click.option("--kafka", metavar="VERSION", help="The version of Kafka."),
    )
    for option in reversed(options):
        command = option(command)
    return command


json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")


def _wish(file: Path | None, name: str | None, **overrides: Any) -> Wish:
    """The lab that the options mean. Raises SpecError."""
    from labctl.errors import SpecError
    from labctl.lab import Wish
    from labctl.spec import load_spec, overridden

    preset = overrides.pop("preset", None)
    if preset and file:
        raise SpecError(["--preset and -f exclude one another: take one"])
    path = file or (Path("lab.yaml") if Path("lab.yaml").is_file() and not preset else None)
    spec = load_spec(path) if path else _preset(preset) if preset else _as_made(name)
    spec = overridden(spec, name=name, **overrides)
    source = str(path.resolve()) if path else ""
    return Wish(spec, source, _folder(path, spec.name))


def _folder(file: Path | None, name: str) -> Path:
    """Where the rendered files and reports of a lab are: beside its lab.yaml, else here."""
    return (file.resolve().parent if file else Path.cwd()) / ".labctl" / name


def _preset(name: str) -> LabSpec:
    from labctl.render import render_template
    from labctl.spec import parse_spec

    return parse_spec(render_template(f"init/{name}.yaml"), f"preset {name}")


def _as_made(name: str | None) -> LabSpec:
    """What neither a lab.yaml nor a preset says: the lab as such options made it, else the homework."""
    from labctl.lab import spec_of
    from labctl.spec import checked_name, default_spec

    default = default_spec()
    record = _store().load(checked_name(name) if name else default.name)
    if record is None or record.source:
        return default
    # those two are wishes of one call
    return spec_of(record).model_copy(update={"checks": default.checks, "timeout": default.timeout})


def _name(file: Path | None, name: str | None) -> str:
    """The name of the lab that the options mean; --name alone needs no lab.yaml. Raises SpecError."""
    from labctl.spec import checked_name
    from labctl.store import refuse_other_source

    if name:
        return checked_name(name)
    wish = _wish(file, None)
    record = _store().load(wish.spec.name)
    if record and wish.source:
        refuse_other_source(record, wish.source)
    return wish.spec.name


def _store() -> LabStore:
    from labctl.store import LabStore

    return LabStore()


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def ends_a_run(command: F) -> F:
    """Print the run's report where --json asks for it, also when the run failed; exit 1 after a failed check."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        console: Console = click.get_current_context().obj
        try:
            command(*args, **kwargs)
        finally:
            if kwargs.get("as_json") and console.run:
                from labctl.report import FORMATS

                click.echo(FORMATS["json"](console.run), nl=False)
        if console.run and console.run.status != "passed":
            console.not_verified()
            click.get_current_context().exit(1)

    return wrapped  # type: ignore[return-value]


# -- before the lab --------------------------------------------------------


@cli.command()
@click.argument("path", type=click.Path(path_type=Path), default=Path("lab.yaml"))
@click.option("--preset", type=click.Choice(PRESETS), default="homework", show_default=True, help="What to start from.")
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@click.pass_obj
def init(console: Console, path: Path, preset: str, force: bool) -> None:
    """Write a commented lab.yaml."""
    from labctl.errors import SpecError
    from labctl.files import is_there
    from labctl.render import render_template

    if is_there(path) and not force:
        raise SpecError([f"{path} is there already"], "--force overwrites it")
    try:
        path.write_text(render_template(f"init/{preset}.yaml"), encoding="utf-8")
    except OSError as error:
        raise SpecError([f"{path} can't be written: {error.strerror}"]) from None
    console.line(f"wrote {path}; next: labctl up" + ("" if path == Path("lab.yaml") else f" -f {path}"))


@cli.command()
@click.argument("what", type=click.Choice(["lab", "report"]), default="lab")
def schema(what: str) -> None:
    """Print the JSON Schema of lab.yaml, or of the report."""
    from labctl.report.json_format import json_schema
    from labctl.spec import LabSpec

    if what == "report":
        _print_json(json_schema())
    else:
        draft = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "lab.yaml"}
        _print_json(LabSpec.model_json_schema() | draft)


@cli.command()
@lab_options
@plan_options
@json_option
def plan(file: Path | None, name: str | None, as_json: bool, **overrides: Any) -> None:
    """Show what would be started: nodes, ports, topics, runtime."""
    from dataclasses import asdict

    from labctl.views import plan_text, planned

    decided = planned(_wish(file, name, **overrides), _store())
    _print_json(asdict(decided)) if as_json else click.echo(plan_text(decided), nl=False)


@cli.command()
@lab_options
@plan_options
@click.option("-o", "--output", metavar="DIR", help="Where to write (default: .labctl/NAME; - prints).")
@click.pass_obj
def render(console: Console, /, file: Path | None, name: str | None, output: str | None, **overrides: Any) -> None:
    """Write the lab's files and start nothing.

    docker-compose.yml, or server.properties of each node.
    """
    from labctl.files import write_files
    from labctl.render import render as render_files
    from labctl.views import planned

    wish = _wish(file, name, **overrides)
    files = render_files(planned(wish, _store()))
    if output == "-":
        for path, text in files.items():
            click.echo((f"# ---- {path}\n" if len(files) > 1 else "") + text, nl=False)
        return
    folder = Path(output) if output else wish.folder
    for target in write_files(files, folder, "name another folder: -o DIR"):
        console.line(f"wrote {target}")


# -- the lab ---------------------------------------------------------------


@cli.command()
@lab_options
@plan_options
@click.option("--timeout", type=int, metavar="S", help="Seconds from start to checked.")
@click.option("--checks", type=click.Choice(["none", "quick", "full"]), help="Which checks (default: full).")
@click.option("--keep", is_flag=True, help="Keep a lab that did not come up, for a look at it.")
@json_option
@click.pass_obj
@ends_a_run
def up(console: Console, /, file: Path | None, name: str | None, keep: bool, as_json: bool, **overrides: Any) -> None:
    """Bring the lab up, wait until it is ready, check it, report."""
    from labctl import lab
    from labctl.views import up_text

    wish = _wish(file, name, **overrides)
    console.line(f"labctl: lab {wish.spec.name}, Kafka {wish.spec.kafka.version}")
    run = lab.up(wish, _store(), console, keep=keep)
    console.line(up_text(run, wish.spec))


@cli.command()
@lab_options
@click.argument("names", nargs=-1)
@click.option("--bootstrap", metavar="HOST:PORT", help="Any Kafka that somebody else started.")
@click.option("--container", metavar="NAME", help="The container it runs in: its console tools are asked too.")
@click.option(
    "--client-config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What lets a client in: Java's or librdkafka's.",
)
@click.option(
    "--expect", type=click.Path(path_type=Path), metavar="FILE", help="lab.yaml with the topics it should have."
)
@json_option
@click.pass_obj
@ends_a_run
def check(
    console: Console,
    file: Path | None,
    name: str | None,
    names: tuple[str, ...],
    bootstrap: str | None,
    container: str | None,
    client_config: Path | None,
    expect: Path | None,
    as_json: bool,
) -> None:
    """Check a running lab, or any Kafka.

    NAMES are the checks to run; all of them without.
    """
    from labctl import lab
    from labctl.errors import SpecError
    from labctl.report.words import headline
    from labctl.spec import load_spec

    if (expect or container or client_config) and not bootstrap:
        raise SpecError(["--expect, --container and --client-config go with --bootstrap: a lab of labctl's is known"])
    if bootstrap:
        if not all(re.fullmatch(r"\[?[\w.:-]+\]?:[0-9]{1,5}", one, re.ASCII) for one in bootstrap.split(",")):
            raise SpecError([f"--bootstrap {bootstrap}: an address is HOST:PORT, like localhost:9092"])
        expected = load_spec(expect) if expect else None
        folder = _folder(None, FOREIGN)
        run = lab.check_foreign(bootstrap, folder, _store(), console, names, expected, container, client_config)
    else:
        run = lab.check(_name(file, name), _store(), console, names, "full")
    console.line(headline(run))
    for report_file in [one for one in run.files if one.endswith(".html")]:
        console.line(f"  report: {report_file}")


@cli.command(context_settings=COMMAND_BEHIND)
@lab_options
@plan_options
@click.option("--timeout", type=int, metavar="S", help="Seconds from start to checked.")
@click.option("--checks", type=click.Choice(["none", "quick", "full"]), help="Which checks (default: full).")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, required=True)
@click.pass_obj
def run(console: Console, /, file: Path | None, name: str | None, command: tuple[str, ...], **overrides: Any) -> None:
    """Bring up a lab, run COMMAND with it, take the lab away.

    COMMAND has KAFKA_BOOTSTRAP_SERVERS and the like in its environment; its exit code comes back.
    """
    from labctl import owned

    wish = _wish(file, name, **overrides)
    console.line(f"labctl: lab {wish.spec.name}, Kafka {wish.spec.kafka.version}")
    code = owned.run(wish, _store(), console, command)
    if code and console.run and console.run.status != "passed":
        console.not_verified()
    click.get_current_context().exit(code)


@cli.command("gc")
@click.option("--older-than", metavar="AGE", help="Labs that were made before that too: 30m, 2h, 1d.")
@click.pass_obj
def collect(console: Console, older_than: str | None) -> None:
    """Take away half-made labs, and those whose `run` is gone."""
    from labctl import owned

    nothing = "nothing is left over"
    for name, things in owned.gc(_store(), console, _age(older_than) if older_than else None):
        nothing = ""
        console.line(f"{name}: removed {', '.join(things) or 'nothing'}")
    if nothing:
        console.line(nothing)


def _age(text: str) -> Any:
    from datetime import timedelta

    from labctl.errors import SpecError

    match = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    if not match:
        raise SpecError([f"--older-than {text}: an age is a number with s, m, h or d, like 2h"])
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    return timedelta(**{units[match[2]]: int(match[1])})


@cli.command()
@lab_options
@json_option
def status(file: Path | None, name: str | None, as_json: bool) -> None:
    """Show the lab's nodes, quorum and endpoints.

    Exit code 4 where it is not running.
    """
    from labctl.views import lab_status, status_text

    seen = lab_status(_name(file, name), _store())
    _print_json(seen) if as_json else click.echo(status_text(seen), nl=False)
    if seen["state"] != "running":
        click.get_current_context().exit(4)


@cli.command()
@json_option
def ls(as_json: bool) -> None:
    """List this user's labs on this machine."""
    from labctl.views import lab_list, list_text

    labs = lab_list(_store())
    _print_json(labs) if as_json else click.echo(list_text(labs), nl=False)


@cli.command()
@lab_options
@click.argument("node", required=False)
@click.option("--follow", is_flag=True, help="Go on with what comes.")
@click.option("--tail", type=click.IntRange(min=0), metavar="N", help="The newest N lines.")
@click.pass_obj
def logs(
    console: Console, file: Path | None, name: str | None, node: str | None, follow: bool, tail: int | None
) -> None:
    """Print the log of NODE (default: the first one)."""
    from labctl.lab import open_lab

    _record, decided, runtime = open_lab(_name(file, name), _store(), console)
    chosen = node or decided.nodes[0].name
    if not follow:
        click.echo(runtime.logs(chosen, tail=tail), nl=False)
        return
    for line in runtime.follow_logs(chosen, tail=tail):
        click.echo(line, nl=False)


@cli.command("exec", context_settings=COMMAND_BEHIND)
@lab_options
@click.argument("node")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, required=True)
@click.pass_obj
def exec_(console: Console, file: Path | None, name: str | None, node: str, command: tuple[str, ...]) -> None:
    """Run a Kafka tool or a program inside NODE.

    labctl exec broker -- kafka-topics.sh --list --bootstrap-server broker:9092
    """
    from labctl.errors import LabStopped, SpecError
    from labctl.lab import open_lab

    command = command[1:] if command[0] == "--" else command
    if not command or command[0].startswith("-"):
        raise SpecError(
            ["exec wants its options first, then NODE, then the command: labctl exec --name X broker -- ls"]
        )
    _record, decided, runtime = open_lab(_name(file, name), _store(), console)
    states = {one.name: one.state for one in runtime.nodes()}
    if states.get(node, "running") != "running":
        raise LabStopped(f"node {node} of the lab {decided.name} is not running", "labctl up starts it")
    code = runtime.attach(node, list(command), tty=sys.stdin.isatty() and sys.stdout.isatty())
    click.get_current_context().exit(code)


@cli.command()
@lab_options
@click.option("--format", "form", type=click.Choice(ENV_FORMATS), default="shell", show_default=True)
@click.option("--user", metavar="USER", help="Log in as USER (default: the lab's first one).")
@click.pass_obj
def env(console: Console, file: Path | None, name: str | None, form: str, user: str | None) -> None:
    """Print what a client needs to connect. In a secure lab librdkafka's form holds the password itself."""
    from labctl.environment import client_settings
    from labctl.lab import open_lab

    _record, decided, _runtime = open_lab(_name(file, name), _store(), console)
    click.echo(client_settings(decided, form, user), nl=False)


@cli.command()
@lab_options
@click.pass_obj
def stop(console: Console, file: Path | None, name: str | None) -> None:
    """Stop the lab and keep its data; `up` resumes it."""
    from labctl import lab

    chosen = _name(file, name)
    there = lab.stop(chosen, _store(), console)
    console.line(f"stopped {chosen}; its data is kept" if there else f"there is no lab {chosen}: nothing to stop")


@cli.command()
@lab_options
@json_option
@click.pass_obj
def reset(console: Console, file: Path | None, name: str | None, as_json: bool) -> None:
    """Empty the running lab without a restart: its topics are new."""
    from labctl import lab

    chosen = _name(file, name)
    removed = lab.reset(chosen, _store(), console)
    if as_json:
        _print_json({"lab": chosen, "removed": removed})
    else:
        console.line(f"reset {chosen}: removed {', '.join(removed) or 'nothing'}; its topics are new")


@cli.command()
@lab_options
@click.option("--all", "every", is_flag=True, help="Every lab of this user.")
@click.pass_obj
def down(console: Console, file: Path | None, name: str | None, every: bool) -> None:
    """Take the lab away: processes, data, files. Reports and lab.yaml stay."""
    from labctl.owned import down_each

    store = _store()
    wanted = store.names() if every else [_name(file, name)]
    for chosen, removed in down_each(wanted, store, console):
        others = f"; there are {', '.join(store.names())}" if store.names() else ""
        nothing = f"there is no lab {chosen}: nothing to remove{others}"
        console.line(f"removed {', '.join(removed)}" if removed else nothing)
    if not wanted:
        console.line("there is no lab: nothing to remove")


@cli.command()
@lab_options
@click.option("--format", "form", type=click.Choice(REPORT_FORMATS), default="terminal", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write it there.")
def report(file: Path | None, name: str | None, form: str, output: Path | None) -> None:
    """Print the last report again, in any form."""
    from labctl.errors import LabStopped, unwritable
    from labctl.report import FORMATS, read

    chosen = _name(file, name)
    record = _store().load(chosen)
    last = read(Path(record.folder) if record else _folder(file, chosen))
    if last is None:
        raise LabStopped(f"there is no report of the lab {chosen}", "labctl up writes one")
    text = FORMATS[form](last)
    if not output:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise unwritable(output, error, "name another file: -o FILE") from None


@cli.command()
@lab_options
@click.pass_obj
def ui(console: Console, file: Path | None, name: str | None) -> None:
    """Print the address of the lab page; on a terminal open it too.

    The page of a secure lab asks for a key: what is printed is a file of yours that shows it.
    """
    from labctl.errors import LabStopped
    from labctl.lab import open_lab
    from labctl.page.process import page_runs
    from labctl.security import page_door

    _record, decided, _runtime = open_lab(_name(file, name), _store(), console)
    if decided.ui.url is None:
        raise LabStopped(f"the lab {decided.name} has no page: {decided.ui.reason}")
    if decided.ui.kind == "page" and not page_runs(decided):
        raise LabStopped(f"the page of the lab {decided.name} does not run", "labctl up starts it")
    address = page_door(decided).as_uri() if decided.security else decided.ui.url
    click.echo(address)
    if sys.stdout.isatty():
        click.launch(address)


@cli.command()
@lab_options
@click.option("--run", is_flag=True, help="Run it on the lab: what its cells print is in it then.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("kafka.ipynb"), metavar="FILE", show_default=True
)
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@click.pass_obj
def notebook(console: Console, file: Path | None, name: str | None, run: bool, output: Path, force: bool) -> None:
    """Write a notebook that talks to the lab from Python."""
    from labctl.errors import SpecError
    from labctl.files import is_there
    from labctl.lab import open_lab
    from labctl.notebook import make_notebook, run_notebook, write_notebook

    if is_there(output) and not force:
        raise SpecError([f"{output} is there already"], "--force overwrites it")
    _record, decided, _runtime = open_lab(_name(file, name), _store(), console)
    made = make_notebook(decided)
    write_notebook(made, output)
    if run:
        console.line("running the notebook")
        try:
            run_notebook(made, output.resolve().parent)
        finally:
            write_notebook(made, output)
    console.line(
        f"wrote {output}" + ("" if run else f"; to run it: jupyter lab {output}, or labctl notebook --run --force")
    )


@cli.command()
@lab_options
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("evidence"), metavar="DIR|ZIP", show_default=True
)
@click.option("--force", is_flag=True, help="Replace what is there.")
@click.pass_obj
def evidence(console: Console, file: Path | None, name: str | None, output: Path, force: bool) -> None:
    """Make the folder to hand in.

    Compose file, console transcripts, notebook, pictures, report.
    """
    from labctl.errors import LabStopped
    from labctl.evidence import make_evidence, refuse_taken
    from labctl.lab import open_lab, plan_in_docker, state

    refuse_taken(output, force=force)
    record, decided, runtime = open_lab(_name(file, name), _store(), console)
    if state(runtime.nodes()) != "running":
        raise LabStopped(f"the lab {decided.name} is not running", "labctl up starts it")
    in_docker = plan_in_docker(record)
    for one in make_evidence(decided, in_docker, runtime, Path(record.folder), output):
        console.line(f"! {one.name}: {one.missing}" if one.missing else f"✓ {one.name}: {one.proves}")
    console.line(f"wrote {output}")


@cli.command()
@lab_options
@click.argument("language", type=click.Choice(LANGUAGES), metavar="LANGUAGE")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Where (default: orders-LANGUAGE)."
)
@click.option("--user", metavar="USER", help="Log in as USER (default: the lab's first one).")
@click.option("--force", is_flag=True, help="Write over the files that are there.")
@click.pass_obj
def example(
    console: Console,
    file: Path | None,
    name: str | None,
    language: str,
    output: Path | None,
    user: str | None,
    force: bool,
) -> None:
    """Write a small client project for the lab: python, java, node or go.

    It sends records and reads them in a consumer group; how to run it is in its README.
    """
    from labctl.example import make_example, to_run, write_example
    from labctl.lab import open_lab

    _record, decided, _runtime = open_lab(_name(file, name), _store(), console)
    folder = output or Path(f"orders-{language}")
    write_example(make_example(decided, language, user), folder, force=force)
    console.line(f"wrote {folder}; to run it: {to_run(language, folder)}")


# -- the machine -----------------------------------------------------------


@cli.command()
@lab_options
@json_option
def doctor(file: Path | None, name: str | None, as_json: bool) -> None:
    """Say whether this machine is fit for the lab.

    Each probe: ok, warn or fail, with what to do.
    """
    from dataclasses import asdict

    from labctl.doctor import examine, probe_text

    probes = examine(_wish(file, name).spec, _store())
    _print_json([asdict(one) for one in probes]) if as_json else click.echo(probe_text(probes), nl=False)
    if any(one.status == "fail" for one in probes):
        click.get_current_context().exit(3)


@cli.group()
def cache() -> None:
    """The prepared Kafka: jars, start-up caches."""


@cache.command()
@click.option("--kafka", "version", metavar="VERSION", help="The version of Kafka.")
@click.pass_obj
def warm(console: Console, version: str | None) -> None:
    """Download and prepare Kafka now, so that the next `up` is fast."""
    from labctl.kafkadist.prepared import prepare
    from labctl.spec import default_spec

    kafka = prepare(version or default_spec().kafka.version, console)
    fast = "with start-up caches" if kafka.caches else "without start-up caches"
    console.line(f"Kafka {kafka.version} from {kafka.origin}, Java {kafka.java.version} ({kafka.java.origin}), {fast}")


@cache.command("ls")
@json_option
def cache_ls(as_json: bool) -> None:
    """List what is in the cache."""
    from dataclasses import asdict

    from labctl.kafkadist.prepared import cached

    found = cached()
    if as_json:
        _print_json([asdict(one) for one in found])
    else:
        for one in found:
            click.echo(f"{one.key}  {one.bytes / 1e6:.0f} MB, start-up caches for {one.caches} Java")


@cache.command()
@click.pass_obj
def clear(console: Console) -> None:
    """Delete the cache."""
    from labctl.kafkadist.prepared import clear as clear_cache

    removed = clear_cache()
    console.line(f"removed {', '.join(removed)}" if removed else "the cache is empty: nothing to remove")


@cli.group()
def image() -> None:
    """A Kafka image of your own, for the compose runtime."""


@image.command()
@click.option("--kafka", "version", metavar="VERSION", help="The version of Kafka.")
@click.option("--base", metavar="IMAGE", help="The image that it is built on (default: debian:bookworm-slim).")
@click.option("--tag", metavar="NAME:TAG", help="Its name (default: labctl/kafka:VERSION).")
@click.pass_obj
def build(console: Console, version: str | None, base: str | None, tag: str | None) -> None:
    """Build an image with the ways of apache/kafka and fast starts, from the pinned jars."""
    from labctl.image import DEFAULT_BASE, build_image
    from labctl.spec import default_spec

    name = build_image(version or default_spec().kafka.version, base or DEFAULT_BASE, tag or "", console)
    repository = name.rpartition(":")[0] if ":" in name.rpartition("/")[2] else name
    console.line(f"built {name}; to use it, in lab.yaml: kafka: {{image: {repository}}}")
