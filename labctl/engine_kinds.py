"""ENGINE_KINDS: the engines that run containers behind Docker's command, and what differs between them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EngineKind:
    """An engine. `component` is its name among the server's components in `docker version`."""

    title: str  # its name in messages and reports
    component: str
    oldest: tuple[int, ...]  # the first version that runs a lab
    reason: str  # why not an older one
    start_interval: bool  # whether it has a health check's start_interval; Compose refuses the file where it does not
    buildkit: bool  # whether docker buildx can build on it; else Docker's older builder does
    memory_columns: tuple[str, ...]  # what `docker top CONTAINER` needs to print process ids and KiB of memory


DOCKER = "docker"  # and every engine without a row of its own
# the first row whose component the server has: Podman's server has one called Engine too
ENGINE_KINDS = {
    "podman": EngineKind(
        title="Podman",
        component="Podman Engine",
        oldest=(4, 3),  # the oldest that labctl is tested with (Debian 12's)
        reason="labctl is tested with",
        start_interval=False,
        buildkit=False,
        memory_columns=("pid,rss",),  # names of its own
    ),
    DOCKER: EngineKind(
        title="Docker Engine",
        component="Engine",
        oldest=(25,),  # the first with start_interval (its release notes)
        reason="the lab's health check needs",
        start_interval=True,
        buildkit=True,
        memory_columns=("-o", "pid,rss"),  # options of ps(1)
    ),
}
