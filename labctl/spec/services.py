"""The programs beside Kafka that lab.yaml asks for: `services:`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from labctl.spec.formats import connect_plugin, heap_size
from labctl.spec.section import PortNumber, Section


class SchemaRegistrySpec(Section):
    """Apicurio Registry, which has the API of Confluent's registry too."""

    port: PortNumber | Literal["auto"] = Field(8081, description="port on the host; auto chooses a free port")
    image: str = Field("apicurio/apicurio-registry:3.3.3", min_length=1, description="compose: the image")


class ConnectSpec(Section):
    """A worker of Kafka Connect, in distributed mode."""

    port: PortNumber | Literal["auto"] = Field(8083, description="port on the host; auto chooses a free port")
    heap: Annotated[str, AfterValidator(heap_size)] = Field("512m", description="Java heap of the worker: 512m, 2g")
    plugins: list[Annotated[str, AfterValidator(connect_plugin)]] = Field(
        default_factory=list,
        description="connectors, converters and transformations: maven:GROUP:ARTIFACT:VERSION, or the path of a folder "
        "or jar; they run code, so `up` needs --trust",
    )


def _from_switch(value: Any) -> Any:
    """What `true` and `false` stand for: the service with its defaults, and none."""
    return {True: {}, False: None}.get(value, value) if isinstance(value, bool) else value


class ServicesSpec(Section):
    """The programs that run beside Kafka; none by default."""

    schema_registry: Annotated[
        SchemaRegistrySpec | None,
        BeforeValidator(_from_switch, json_schema_input_type=bool | SchemaRegistrySpec | None),
    ] = Field(None, description="true, or its keys: a schema registry, for Avro, JSON Schema and Protobuf")
    connect: Annotated[
        ConnectSpec | None, BeforeValidator(_from_switch, json_schema_input_type=bool | ConnectSpec | None)
    ] = Field(None, description="true, or its keys: Kafka Connect, which moves records between Kafka and other systems")

    @property
    def wanted(self) -> dict[str, SchemaRegistrySpec | ConnectSpec]:
        """The services that the lab has: {key of lab.yaml: its keys}."""
        found = {"schema_registry": self.schema_registry, "connect": self.connect}
        return {key: service for key, service in found.items() if service is not None}
