"""Logins, TLS and ACLs: halves without their other half."""

from __future__ import annotations

from collections.abc import Iterator

from labctl.lint.images import APACHE, CONFLUENT
from labctl.lint.rule import Match, Setup, rule
from labctl.lint.settings import MAP

AUTHORIZER = "authorizer.class.name"
MECHANISMS = "sasl.enabled.mechanisms"
INTER_MECHANISM = "sasl.mechanism.inter.broker.protocol"
KEYSTORES = ("ssl.keystore.location", "ssl.keystore.key", "ssl.keystore.filename", "ssl.keystore.certificate.chain")


@rule(
    "KAFKA-SUPER-USERS",
    "error",
    wrong="""
        KAFKA_AUTHORIZER_CLASS_NAME: org.apache.kafka.metadata.authorizer.StandardAuthorizer
        KAFKA_SUPER_USERS: User:admin
    """,
    right="""
        KAFKA_AUTHORIZER_CLASS_NAME: org.apache.kafka.metadata.authorizer.StandardAuthorizer
        KAFKA_SUPER_USERS: User:admin;User:ANONYMOUS
    """,
)
def super_users(setup: Setup) -> Iterator[Match]:
    """The authorizer rejects the nodes themselves.

    Over PLAINTEXT a node has no name: it is User:ANONYMOUS. Its requests to the controller are denied, and it ends
    after a minute: CLUSTER_AUTHORIZATION_FAILED. The principals of the nodes must be super users.
    """
    for node in setup.nodes:
        setting = node.get(AUTHORIZER)
        if not setting or not setting.value.strip() or node.value("allow.everyone.if.no.acl.found") == "true":
            continue
        users = node.settings.get("super.users")
        if (users and not users.known) or (not users and not node.complete):
            continue
        names = {user.strip() for user in users.value.split(";")} if users else set()
        used = [node.inter_broker, *node.controller_names]
        plain = [name for name in used if node.protocols.get(name) == "PLAINTEXT" and node.listener(name)]
        early = node.value("early.start.listeners")
        if plain and "User:ANONYMOUS" not in names and not early:
            yield Match(
                node.place("super.users", AUTHORIZER),
                f"the authorizer rejects {node.name} itself: over {plain[0]} it is User:ANONYMOUS, no super user",
                "add User:ANONYMOUS to KAFKA_SUPER_USERS, or give the nodes logins",
            )
        elif not names:
            yield Match(
                node.place(AUTHORIZER),
                f"{node.name} has an authorizer and no KAFKA_SUPER_USERS: nobody may do anything, the nodes neither",
                "write KAFKA_SUPER_USERS with the nodes' and the administrator's principals",
            )


@rule(
    "KAFKA-SASL-MECHANISM",
    "error",
    wrong="""
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: INTERNAL:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT,EXTERNAL:PLAINTEXT
        KAFKA_SASL_MECHANISM_INTER_BROKER_PROTOCOL: PLAIN
        KAFKA_LISTENER_NAME_INTERNAL_PLAIN_SASL_JAAS_CONFIG: >-
          org.apache.kafka.common.security.plain.PlainLoginModule
          required username="a" password="b" user_a="b";
    """,
    right="""
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: INTERNAL:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT,EXTERNAL:PLAINTEXT
        KAFKA_SASL_MECHANISM_INTER_BROKER_PROTOCOL: PLAIN
        KAFKA_SASL_ENABLED_MECHANISMS: PLAIN
        KAFKA_LISTENER_NAME_INTERNAL_PLAIN_SASL_JAAS_CONFIG: >-
          org.apache.kafka.common.security.plain.PlainLoginModule
          required username="a" password="b" user_a="b";
    """,
)
def sasl_mechanism(setup: Setup) -> Iterator[Match]:
    """The mechanism between brokers is not enabled.

    Kafka ends with `sasl.mechanism.inter.broker.protocol must be included in sasl.enabled.mechanisms`. Without these
    settings the mechanism is GSSAPI, which is Kerberos.
    """
    for node in setup.brokers:
        protocol = node.protocols.get(node.inter_broker, "")
        if not protocol.startswith("SASL_") or not node.complete or not node.listener(node.inter_broker):
            continue
        mechanism = node.value(INTER_MECHANISM, "GSSAPI")
        own = f"listener.name.{node.inter_broker.lower()}.{MECHANISMS}"
        given = node.settings.get(own) or node.settings.get(MECHANISMS)
        if given and not given.known:
            continue
        enabled = given.entries if given else ("GSSAPI",)
        if mechanism not in enabled:
            yield Match(
                node.place(INTER_MECHANISM, MECHANISMS, MAP),
                f"brokers log in with {mechanism}, which is not enabled ({', '.join(enabled)} is)",
                f"write KAFKA_SASL_ENABLED_MECHANISMS: {mechanism} and KAFKA_SASL_MECHANISM_INTER_BROKER_PROTOCOL: "
                f"{mechanism}",
            )


@rule(
    "KAFKA-SASL-LOGIN-MISSING",
    "error",
    wrong="""
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT,EXTERNAL:SASL_PLAINTEXT
        KAFKA_SASL_ENABLED_MECHANISMS: PLAIN
    """,
    right="""
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT,EXTERNAL:SASL_PLAINTEXT
        KAFKA_SASL_ENABLED_MECHANISMS: PLAIN
        KAFKA_LISTENER_NAME_EXTERNAL_PLAIN_SASL_JAAS_CONFIG: >-
          org.apache.kafka.common.security.plain.PlainLoginModule
          required user_pupil="chalk";
    """,
)
def sasl_login_missing(setup: Setup) -> Iterator[Match]:
    """A listener asks for a login and the broker has no JAAS configuration.

    It needs listener.name.NAME.MECHANISM.sasl.jaas.config, or a file that KAFKA_OPTS names with
    -Djava.security.auth.login.config. Kafka ends with `Could not find a 'KafkaServer' … entry in the JAAS
    configuration`.
    """
    for node in setup.nodes:
        options = node.service.environment.get("KAFKA_OPTS")
        by_file = bool(options and (options.value is None or "login.config" in options.value or "${" in options.value))
        by_file = by_file or any("jaas" in mount.target for mount in node.service.mounts)
        if by_file or not node.complete or "sasl.jaas.config" in node.settings:
            continue
        for listener in node.listeners:
            protocol = node.protocols.get(listener.name, "")
            prefix = f"listener.name.{listener.name.lower()}."
            logins = [name for name in node.settings if name.startswith(prefix) and name.endswith("sasl.jaas.config")]
            callbacks = [name for name in node.settings if "callback.handler" in name]
            if protocol.startswith("SASL_") and not logins and not callbacks:
                yield Match(
                    node.place(MAP, "listeners"),
                    f"{listener.name} of {node.name} is {protocol}, and the broker has no JAAS configuration for it",
                    f"write KAFKA_LISTENER_NAME_{listener.name}_PLAIN_SASL_JAAS_CONFIG (PLAIN or your mechanism)",
                )


@rule(
    "KAFKA-TLS-KEYSTORE-MISSING",
    "error",
    wrong="KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT,EXTERNAL:SSL",
    right="""
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT,EXTERNAL:SSL
        KAFKA_SSL_KEYSTORE_TYPE: PEM
        KAFKA_SSL_KEYSTORE_LOCATION: /etc/kafka/secrets/broker.pem
    """,
)
def tls_keystore_missing(setup: Setup) -> Iterator[Match]:
    """A listener uses TLS and the broker has no key store.

    Without a certificate no TLS handshake succeeds: clients report `handshake_failure` or `no cipher suites in common`.
    """
    for node in setup.nodes:
        if not node.complete or node.image not in {APACHE, CONFLUENT}:
            continue
        for listener in node.listeners:
            own = f"listener.name.{listener.name.lower()}."
            given = [
                name
                for name in node.settings
                if name.removeprefix(own) in KEYSTORES or name.removeprefix(own) == "ssl.engine.factory.class"
            ]
            files = {"KAFKA_SSL_KEYSTORE_FILENAME", "KAFKA_SSL_KEYSTORE_LOCATION"} & node.service.environment.keys()
            if node.protocols.get(listener.name, "").endswith("SSL") and not given and not files:
                yield Match(
                    node.place(MAP, "listeners"),
                    f"{listener.name} of {node.name} is {node.protocols[listener.name]}, and there is no key store",
                    "write KAFKA_SSL_KEYSTORE_LOCATION and what belongs to it, or map the listener to PLAINTEXT",
                )


@rule(
    "KAFKA-SCRAM-CONTROLLER",
    "error",
    wrong="""
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: INTERNAL:PLAINTEXT,CONTROLLER:SASL_PLAINTEXT,EXTERNAL:PLAINTEXT
        KAFKA_SASL_ENABLED_MECHANISMS: SCRAM-SHA-512
        KAFKA_SASL_MECHANISM_CONTROLLER_PROTOCOL: SCRAM-SHA-512
        KAFKA_LISTENER_NAME_CONTROLLER_SCRAM___SHA___512_SASL_JAAS_CONFIG: >-
          org.apache.kafka.common.security.scram.ScramLoginModule
          required username="a" password="b";
        KAFKA_CONTROLLER_QUORUM_VOTERS: 1@broker:9093,2@elsewhere.example:9093,3@elsewhere.example:9094
    """,
    right="""
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT,EXTERNAL:PLAINTEXT
    """,
    versions="KRaft",
)
def scram_controller(setup: Setup) -> Iterator[Match]:
    """Controllers log in to each other with SCRAM.

    SCRAM's passwords are in the metadata, which exists only once a leader is elected. Several controllers with SCRAM
    never elect one.
    """
    for node in setup.nodes:
        mechanism = node.value("sasl.mechanism.controller.protocol")
        several = len(node.voters) > 1
        secured = any(node.protocols.get(name, "").startswith("SASL_") for name in node.controller_names)
        if mechanism.startswith("SCRAM") and several and secured:
            yield Match(
                node.place("sasl.mechanism.controller.protocol"),
                f"the controllers log in with {mechanism}, whose passwords are known only after an election",
                "use PLAIN or mTLS (SSL with client certificates) for the controllers",
            )
