"""Commands about this machine: doctor, cache, image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labctl.cli.commands import Command, CommandGroup
from labctl.cli.options import json_option, lab_options, lab_request, lab_store, override_options
from labctl.cli.output import print_json, print_text

if TYPE_CHECKING:
    from labctl.cli.console import Console


@click.command(cls=Command)
@lab_options
@override_options
@json_option
def doctor(file: Path | None, name: str | None, as_json: bool, **overrides: Any) -> None:
    """Show whether this machine can run the lab.

    Each probe: ok, warn or fail, with a remedy.
    """
    from dataclasses import asdict

    from labctl.diagnostics.doctor import examine
    from labctl.diagnostics.probe import probe_text

    probes = examine(lab_request(file, name, trust=True, **overrides).spec, lab_store())  # nothing of it is started
    print_json([asdict(probe) for probe in probes]) if as_json else print_text(probe_text(probes))
    if any(probe.status == "fail" for probe in probes):
        click.get_current_context().exit(3)


@click.group(cls=CommandGroup)
def cache() -> None:
    """Manage the prepared Kafka: jars, AOT caches."""


@cache.command()
@click.option("--kafka", "version", metavar="VERSION", help="The version of Kafka.")
@click.pass_obj
def warm(console: Console, version: str | None) -> None:
    """Download and prepare Kafka now, so that the next `up` is fast."""
    from labctl.runtime.jvm.cache import prepare
    from labctl.spec.model import default_spec

    kafka = prepare(version or default_spec().kafka.version, console)
    caches = "with AOT caches" if kafka.caches else "without AOT caches"
    console.line(
        f"Kafka {kafka.version} from {kafka.origin}, Java {kafka.java.version} ({kafka.java.origin}), {caches}"
    )


@cache.command("ls")
@json_option
def cache_ls(as_json: bool) -> None:
    """List what is in the cache."""
    from dataclasses import asdict

    from labctl.runtime.jvm.cache import cached

    found = cached()
    if as_json:
        print_json([asdict(kafka) for kafka in found])
    else:
        for kafka in found:
            print_text(f"{kafka.key}  {kafka.bytes / 1e6:.0f} MB, AOT caches for {kafka.caches} Java\n")


@cache.command()
@click.pass_obj
def clear(console: Console) -> None:
    """Delete the cache."""
    from labctl.runtime.jvm.cache import clear as clear_cache

    removed = clear_cache()
    console.line(f"removed {', '.join(removed)}" if removed else "the cache is empty: nothing to remove")


@click.group(cls=CommandGroup)
def image() -> None:
    """Build a Kafka image yourself, for the compose runtime."""


@image.command()
@click.option("--kafka", "version", metavar="VERSION", help="The version of Kafka.")
@click.option("--base", metavar="IMAGE", help="The base image (default: debian:bookworm-slim).")
@click.option("--tag", metavar="NAME:TAG", help="The image's name (default: labctl/kafka:VERSION).")
@click.pass_obj
def build(console: Console, version: str | None, base: str | None, tag: str | None) -> None:
    """Build an image from the pinned jars that works like apache/kafka and starts fast."""
    from labctl.runtime.docker.image import DEFAULT_BASE, build_image
    from labctl.spec.model import default_spec

    name = build_image(version or default_spec().kafka.version, base or DEFAULT_BASE, tag or "", console)
    repository = name.rpartition(":")[0] if ":" in name.rpartition("/")[2] else name
    console.line(f"built {name}; to use it, in lab.yaml: kafka: {{image: {repository}}}")


COMMANDS = {"doctor": doctor, "cache": cache, "image": image}
