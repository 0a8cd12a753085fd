"""SERVICES: the programs that can run beside Kafka, and what is the same for each of them in every lab.

This module is light, so that the planner and the page can read it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Service:
    """A kind of service. Its name is that of its container, its folder and its log."""

    name: str
    title: str  # for people
    path: str  # of its API, below its address
    variable: str  # of `labctl env`, with the address of its API
    inner_port: int  # where it listens in a container
    other_paths: tuple[tuple[str, str], ...] = ()  # (variable, path) of its other APIs
    heap: str = "256m"  # where lab.yaml has none
    uses_files: bool = False  # whoever may use it can read and write the files of the user who runs it


SERVICES = {
    "schema_registry": Service(
        name="schema-registry",
        title="the schema registry",
        path="/apis/ccompat/v7",  # of Apicurio, for clients of Confluent's registry
        variable="SCHEMA_REGISTRY_URL",
        other_paths=(("APICURIO_REGISTRY_URL", "/apis/registry/v3"),),  # for Apicurio's own serializers
        inner_port=8081,
    ),
    "connect": Service(
        name="connect",
        title="Kafka Connect",
        path="",
        variable="CONNECT_URL",
        inner_port=8083,
        uses_files=True,
    ),
}
