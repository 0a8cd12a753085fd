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
@click.option("--services", is_flag=True, help="The schema registry and Kafka Connect too.")
@click.pass_obj
def warm(console: Console, version: str | None, services: bool) -> None:
    """Download and prepare Kafka now, so that the next `up` is fast."""
    from labctl.runtime.jvm.cache import prepare
    from labctl.runtime.jvm.service_cache import prepare_service
    from labctl.service_kinds import SERVICES
    from labctl.spec.model import default_spec

    kafka = prepare(version or default_spec().kafka.version, console)
    for kind in SERVICES if services else ():
        prepare_service(kind, kafka, console)
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
            caches = f", AOT caches for {kafka.caches} Java" if kafka.caches else ""
            print_text(f"{kafka.key}  {kafka.bytes / 1e6:.0f} MB{caches}\n")


@cache.command()
@click.pass_obj
def clear(console: Console) -> None:
    """Delete the cache."""
    from labctl.runtime.jvm.cache import clear as clear_cache

    removed = clear_cache()
    console.line(f"removed {', '.join(removed)}" if removed else "the cache is empty: nothing to remove")


@click.group(cls=CommandGroup)
def image() -> None:
    """Build an image yourself, for the compose runtime."""


@image.command()
@click.option("--kafka", "version", metavar="VERSION", help="The version of Kafka.")
@click.option("--service", type=click.Choice(["schema-registry"]), help="The image of a service, instead of Kafka's.")
@click.option("--base", metavar="IMAGE", help="The base image (default: debian:bookworm-slim).")
@click.option("--tag", metavar="NAME:TAG", help="The image's name (default: labctl/…:VERSION).")
@click.pass_obj
def build(console: Console, version: str | None, service: str | None, base: str | None, tag: str | None) -> None:
    """Build an image from the pinned jars that works like apache/kafka, or like a service's, and starts fast."""
    if service:
        _build_service(console, version, base, tag)
        return
    from labctl.runtime.docker.image import DEFAULT_BASE, build_image
    from labctl.spec.model import default_spec

    name = build_image(version or default_spec().kafka.version, base or DEFAULT_BASE, tag or "", console)
    repository = name.rpartition(":")[0] if ":" in name.rpartition("/")[2] else name
    console.line(f"built {name}; to use it, in lab.yaml: kafka: {{image: {repository}}}")


def _build_service(console: Console, version: str | None, base: str | None, tag: str | None) -> None:
    from labctl.errors import SpecError
    from labctl.runtime.docker.image import DEFAULT_BASE
    from labctl.runtime.docker.registry_image import build_registry_image

    if version:
        raise SpecError(["--kafka and --service exclude each other: a service has a version of its own"])
    name = build_registry_image(base or DEFAULT_BASE, tag or "", console)
    console.line(f"built {name}; to use it, in lab.yaml: services: {{schema_registry: {{image: {name}}}}}")


COMMANDS = {"doctor": doctor, "cache": cache, "image": image}
