"""The settings of a secure lab for nodes and clients, and the paths of its secrets. No secret is in here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from labctl.constants import ADMIN, INTER_BROKER, SECRETS_FOLDER
from labctl.kafka.java_properties import properties_text
from labctl.plan.model import LabPlan, NodePlan, SecurityPlan

LOGIN_MODULE = "org.apache.kafka.common.security.scram.ScramLoginModule required"
FILE_PROVIDER = {
    "config.providers": "file",
    "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
}
ANONYMOUS_CLIENT = "nobody"  # a client inside that trusts the CA, and has neither a password nor a certificate


@dataclass(frozen=True, slots=True)
class UserFiles:
    """A user's files on this machine."""

    password: Path
    provider: Path  # the same as `password=…`, for Kafka's FileConfigProvider
    properties: Path  # the complete client configuration, in Java's form


def secrets_folder(plan: LabPlan) -> Path:
    """Return the folder that only the lab's owner can enter."""
    return Path(plan.state) / "secrets"


def ca_file(plan: LabPlan) -> Path:
    """Return the certificate of the lab's own CA, which clients trust."""
    return secrets_folder(plan) / "ca.pem"


def user_files(plan: LabPlan, user: str) -> UserFiles:
    """Return the paths of the secrets of `user`."""
    folder = secrets_folder(plan)
    return UserFiles(folder / f"{user}.password", folder / f"{user}.provider.properties", folder / f"{user}.properties")


def host_secrets(plan: LabPlan, node: NodePlan) -> Path:
    """Return the folder of a node's secrets on this machine; `node.secrets_folder` is the same as the node sees it."""
    return secrets_folder(plan) / "nodes" / node.name


def node_secret_names(security: SecurityPlan) -> list[str]:
    """Return the names of the files in a node's folder of secrets."""
    users = [
        name for user in (ADMIN, *security.users) for name in (f"{user}.properties", f"{user}.provider.properties")
    ]
    own = ["ca.pem", "format.args", "node.pem", "passwords.properties"]
    return [*own, f"{ANONYMOUS_CLIENT}.properties", *users]


def tool_config(plan: LabPlan, user: str | None = None) -> str | None:
    """Return the .properties file with which a console tool in a node logs in as `user` (default: the first one).

    It is the path that a person types, the same in every runtime. None where no login is required.
    """
    if plan.security is None:
        return None
    return f"{SECRETS_FOLDER}/{user or plan.security.users[0]}.properties"


def node_security(plan: LabPlan, node: NodePlan) -> dict[str, str]:
    """Return Kafka's security settings of a node; none where no login is required.

    SCRAM over TLS for clients and brokers; controllers identify each other by certificate.
    """
    if plan.security is None:
        return {}
    folder = node.secrets_folder
    principals = dict.fromkeys([ADMIN, INTER_BROKER, *plan.node_names])
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": f"{folder}/node.pem",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": f"{folder}/ca.pem",
        **FILE_PROVIDER,
        "config.providers.file.param.allowed.paths": folder,
        **(_broker_listeners(plan.security, folder) if node in plan.brokers else {}),
        "listener.name.controller.ssl.client.auth": "required",
        "listener.name.controller.ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/,DEFAULT",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": ";".join(f"User:{name}" for name in principals),
    }


def _broker_listeners(security: SecurityPlan, folder: str) -> dict[str, str]:
    password = f"${{file:{folder}/passwords.properties:{INTER_BROKER}}}"
    login = f'{LOGIN_MODULE} username="{INTER_BROKER}" password="{password}";'
    mechanism = security.mechanism.lower()
    return {
        "sasl.mechanism.inter.broker.protocol": security.mechanism,
        "listener.name.external.sasl.enabled.mechanisms": security.mechanism,
        # Kafka requires a login module here, though this listener never logs in anywhere
        f"listener.name.external.{mechanism}.sasl.jaas.config": f"{LOGIN_MODULE};",
        "listener.name.internal.sasl.enabled.mechanisms": security.mechanism,
        f"listener.name.internal.{mechanism}.sasl.jaas.config": login,
    }


def client_properties(security: SecurityPlan, bootstrap: str, user: str | None, folder: str) -> str:
    """Return a client's settings in Java's form; the password is read from a file in `folder`. No `user`: no login."""
    settings = {"bootstrap.servers": bootstrap} if bootstrap else {}
    if user:
        password = f"${{file:{folder}/{user}.provider.properties:password}}"
        settings |= {
            "security.protocol": security.profile.client_protocol,
            "sasl.mechanism": security.mechanism,
            "sasl.jaas.config": f'{LOGIN_MODULE} username="{user}" password="{password}";',
            **FILE_PROVIDER,
        }
    else:
        settings["security.protocol"] = security.profile.controller_protocol
    settings |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": f"{folder}/ca.pem"}
    return properties_text(settings)
