"""Kafka Connect: the settings of its worker (org.apache.kafka.connect.runtime.distributed.DistributedConfig)."""

from __future__ import annotations

from labctl.plan.model import LabPlan, ServicePlan

MAIN_CLASS = "org.apache.kafka.connect.cli.ConnectDistributed"
READY = "/connectors"  # below its address; it responds when the worker has joined its group
CONFIG_TOPIC = "connect-configs"  # in which the worker keeps its connectors
USER = "labctl"  # who logs in where a login is required
# the name of its entry in a file of JAAS is fixed: org.apache.kafka.connect.rest.basic.auth.extension
LOGIN_FILE = """\
// who may use Kafka Connect: its connectors read and write files of this user
KafkaConnect {{
  org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule required file={file};
}};
"""
LOGIN_EXTENSION = "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension"


def worker_settings(
    plan: LabPlan, service: ServicePlan, *, bootstrap: str, address: str, plugin_path: str
) -> dict[str, str]:
    """Return the settings of the worker, which listens on `address` and finds plugins in the folders of `plugin_path`.

    A connector can set other converters. Each plugin of Kafka names its classes in META-INF/services (KIP-898), so that
    the worker need not examine all classes; those of others may not.
    """
    replication_factor = str(plan.internal_replication_factor)
    return {
        "bootstrap.servers": bootstrap,
        "group.id": "connect",
        "listeners": f"http://{address}:{service.inner_port}",
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
        "config.storage.topic": CONFIG_TOPIC,
        "config.storage.replication.factor": replication_factor,
        "offset.storage.topic": "connect-offsets",
        "offset.storage.partitions": "1",
        "offset.storage.replication.factor": replication_factor,
        "offset.flush.interval.ms": "1000",
        "status.storage.topic": "connect-status",
        "status.storage.partitions": "1",
        "status.storage.replication.factor": replication_factor,
        "scheduled.rebalance.max.delay.ms": "0",
        "plugin.discovery": "hybrid_warn" if service.plugins else "service_load",
        **({"plugin.path": plugin_path} if plugin_path else {}),
        **({"rest.extension.classes": LOGIN_EXTENSION} if service.login_file else {}),
    }


COMMENTS = {
    "group.id": "workers with the same group.id share the connectors",
    "value.converter": "records are JSON without schemas; a connector can set other converters",
    "config.storage.topic": "the worker keeps its connectors, their offsets and their states in these topics",
    "offset.flush.interval.ms": "how often a source connector's offsets are written",
    "scheduled.rebalance.max.delay.ms": "a worker that was restarted gets its connectors back at once",
    "plugin.discovery": "service_load starts faster, and needs plugins that name their classes (KIP-898)",
    "rest.extension.classes": "a login is required: connectors read and write files of this user",
}
