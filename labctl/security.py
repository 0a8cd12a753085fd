"""What makes a lab secure: where its secrets lie, and Kafka's settings for nodes and clients. No secret is in here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from labctl.fixed import ADMIN, INTER_BROKER
from labctl.plan import LabPlan, NodePlan
from labctl.properties import properties_text

MECHANISM = "SCRAM-SHA-512"
CONTAINER_SECRETS = "/etc/kafka/secrets"  # the folder that apache/kafka's image declares
LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required"
FILE_PROVIDER = {
    "config.providers": "file",
    "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
}
NOBODY = "nobody"  # a client inside that trusts the CA, and shows neither a password nor a certificate


@dataclass(frozen=True, slots=True)
class UserFiles:
    """A user's files on this machine."""

    password: Path
    provider: Path  # the same as `password=…`, for Kafka's FileConfigProvider
    properties: Path  # the whole client configuration, in Java's form


def secrets_folder(plan: LabPlan) -> Path:
    """The folder that only the lab's owner can enter."""
    return Path(plan.state) / "secrets"


def ca_file(plan: LabPlan) -> Path:
    """The certificate of the lab's own CA, which clients trust."""
    return secrets_folder(plan) / "ca.pem"


def user_files(plan: LabPlan, user: str) -> UserFiles:
    """Where the secrets of `user` are."""
    folder = secrets_folder(plan)
    return UserFiles(folder / f"{user}.password", folder / f"{user}.provider.properties", folder / f"{user}.properties")


def tool_config(user: str) -> str:
    """The .properties file that lets a console tool in as `user`, as every broker sees it."""
    return f"{CONTAINER_SECRETS}/{user}.properties"


def page_key_file(plan: LabPlan) -> Path:
    """Where the key of the lab page is."""
    return secrets_folder(plan) / "page.key"


def page_cookie(plan: LabPlan) -> str:
    """The cookie with the key. A browser keeps cookies by host, not by port: each lab has its own."""
    return f"labctl-{plan.ui.port}"


def page_door(plan: LabPlan) -> Path:
    """A file that leads a browser to the lab page and shows it the key: in an address everybody could read it."""
    return secrets_folder(plan) / "page.html"


def node_secrets(plan: LabPlan, node: NodePlan) -> Path:
    """The folder with what the node needs, on this machine."""
    return secrets_folder(plan) / "nodes" / node.name


def secrets_inside(plan: LabPlan, node: NodePlan) -> str:
    """The same folder, as the node sees it."""
    return CONTAINER_SECRETS if plan.runtime.name == "compose" else str(node_secrets(plan, node))


def node_security(plan: LabPlan, node: NodePlan) -> dict[str, str]:
    """Kafka's security settings of a node; none in a plaintext lab.

    SCRAM over TLS for clients and brokers; the controllers know one another by certificate, since with SCRAM three of
    them never elect a leader.
    """
    if plan.security is None:
        return {}
    folder = secrets_inside(plan, node)
    principals = dict.fromkeys([ADMIN, INTER_BROKER, *(one.name for one in plan.nodes)])
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": f"{folder}/node.pem",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": f"{folder}/ca.pem",
        **FILE_PROVIDER,
        "config.providers.file.param.allowed.paths": folder,
        **(_broker_doors(folder) if node in plan.brokers else {}),
        "listener.name.controller.ssl.client.auth": "required",
        "listener.name.controller.ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/,DEFAULT",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": ";".join(f"User:{name}" for name in principals),
    }


def _broker_doors(folder: str) -> dict[str, str]:
    login = f'{LOGIN} username="{INTER_BROKER}" password="${{file:{folder}/passwords.properties:{INTER_BROKER}}}";'
    mechanism = MECHANISM.lower()
    return {
        "sasl.mechanism.inter.broker.protocol": MECHANISM,
        "listener.name.external.sasl.enabled.mechanisms": MECHANISM,
        # Kafka wants a login module here, though this door logs in nowhere
        f"listener.name.external.{mechanism}.sasl.jaas.config": f"{LOGIN};",
        "listener.name.internal.sasl.enabled.mechanisms": MECHANISM,
        f"listener.name.internal.{mechanism}.sasl.jaas.config": login,
    }


def client_properties(bootstrap: str, user: str | None, folder: str) -> str:
    """A client's settings in Java's form; the password is read from a file in `folder`. Without `user`: no log-in."""
    settings = {"bootstrap.servers": bootstrap} if bootstrap else {}
    settings |= {"security.protocol": "SASL_SSL" if user else "SSL"}
    if user:
        password = f"${{file:{folder}/{user}.provider.properties:password}}"
        settings |= {
            "sasl.mechanism": MECHANISM,
            "sasl.jaas.config": f'{LOGIN} username="{user}" password="{password}";',
            **FILE_PROVIDER,
        }
    settings |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": f"{folder}/ca.pem"}
    return properties_text(settings)
