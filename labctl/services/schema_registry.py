"""Apicurio Registry: its settings, which it reads from its environment.

They are those of its documentation, "Apicurio Registry storage options"; they replace the names' dots by underscores.
"""

from __future__ import annotations

from urllib.parse import quote

from labctl.plan.model import ServicePlan
from labctl.services.api import request
from labctl.version_lock import Jar

VERSION = "3.3.3"
# the application with all its jars; its image has the same
ARCHIVE = Jar(
    coordinates=f"io.apicurio:apicurio-registry-app:{VERSION}",
    bytes=158_577_952,
    digest="8bc6751c76d963734224b01d5e7f84ccb3cb61c87d3bd77c36c35f10a5cbed63",
    classifier="all",
    extension="tar.gz",
)
MAIN_CLASS = "io.quarkus.runner.GeneratedMain"  # that of every application of Quarkus
READY = "/subjects"  # below the address of its API


def delete_subjects(service: ServicePlan) -> list[str]:
    """Delete all subjects with their versions for good, and return their names. Raises ServiceFailed."""
    subjects: list[str] = request(service, READY)
    for subject in subjects:
        path = f"{READY}/{quote(subject, safe='')}"
        request(service, path, method="DELETE")
        request(service, f"{path}?permanent=true", method="DELETE")
    return subjects


def environment(service: ServicePlan, address: str) -> dict[str, str]:
    """Return the environment variables of a registry that listens on `address` and keeps its data in its folder."""
    return {
        "QUARKUS_HTTP_HOST": address,
        "QUARKUS_HTTP_PORT": str(service.inner_port),
        "QUARKUS_HTTP_ACCESS_LOG_ENABLED": "false",
        "QUARKUS_MANAGEMENT_HOST": "127.0.0.1",  # a server of its own, with metrics; it can't be turned off
        "QUARKUS_MANAGEMENT_PORT": "0",  # any free port
        "APICURIO_RULES_GLOBAL_COMPATIBILITY": "BACKWARD",  # as Confluent's registry has it
        "APICURIO_STORAGE_KIND": "sql",
        "APICURIO_STORAGE_SQL_KIND": "h2",
        "APICURIO_DATASOURCE_URL": f"jdbc:h2:file:{service.data_folder}/registry",
    }
