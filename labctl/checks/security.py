"""A secure lab: each client that must be rejected is rejected for the right reason, others get access."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from labctl.checks.base import CheckFailed, CheckPass, Skipped, error_summary, eventually
from labctl.checks.context import TOOL_START_SECONDS, TOPIC_PREFIX, CheckContext, SecureLab, Unavailable
from labctl.errors import AccessDenied, KafkaFailed
from labctl.kafka.address import split_address
from labctl.kafka.client import KafkaClient
from labctl.kafka.console_tools import quorum_status
from labctl.kafka.credentials import login_settings
from labctl.kafka.link import LayerFailed, Login, log_in, open_link, speaks_plaintext
from labctl.kafka.security_settings import ANONYMOUS_CLIENT
from labctl.plan.model import AclPlan
from labctl.system.parallel import run_all
from labctl.system.waiting import NotReady

NO_SUCH_USER = "labctl-check-nobody"
WRONG_LOGIN = "invalid credentials"  # the broker's message for a wrong password and for an unknown user
WRONG_CA = "the certificate is not accepted"
NO_CERTIFICATE = ("certificate_required", "bad_certificate")  # TLS's alerts for a client that sends no certificate
# the broker reports these; what the authorizer itself is set to shows in what it allows
COMPARED = ("listener.security.protocol.map", "authorizer.class.name")


def security(context: CheckContext) -> CheckPass:
    """Return a pass where each client without authorization is rejected, and settings and ACLs are as planned.

    Wrong password, unknown user, no CA, no TLS, no certificate, a forbidden topic. Raises CheckFailed with every
    problem, Skipped for a lab that requires no authentication, LabError where Kafka or the runtime fails.
    """
    secure = context.lab.secure if context.lab else None
    if secure is None:
        raise Skipped("this lab requires no authentication; a lab with security.protocol sasl_ssl does")
    # first what needs no client: where a listener is not as planned, a client may not be able to connect
    _run_probes([partial(_external_listener, secure, number, context.timeout) for number in secure.listeners])
    context.client.create_topics({context.topic("security"): (1, context.target.replication_factor, {})})
    try:
        _run_probes(
            [
                partial(_settings, context, secure),
                partial(_acls, context, secure),
                *(partial(_controller_listener, context, secure, address) for address in secure.controllers),
                *(partial(_forbidden_topic, context, secure, user, client) for user, client in secure.clients.items()),
            ]
        )
    finally:
        context.client.delete_topics([context.topic("security")])
        for client in secure.clients.values():
            client.close()
    return CheckPass(
        f"{', '.join(secure.plan.users)} authorized, others rejected at {len(secure.listeners)} broker and "
        f"{len(secure.controllers)} controller listeners; {len(secure.plan.acls)} ACLs as planned"
    )


def _run_probes(probes: Sequence[Callable[[], list[str]]]) -> None:
    """Raise CheckFailed with every problem that the probes find; they run in parallel."""
    problems = [problem for found in run_all(probes, len(probes)) for problem in found]
    if problems:
        raise CheckFailed("; ".join(problems))


def _external_listener(secure: SecureLab, number: int, seconds: float) -> list[str]:
    """Return what is wrong with the external listener of a broker; `seconds` for one probe."""
    address = secure.listeners[number]
    listener = f"listener EXTERNAL of broker {number} ({address})"
    if speaks_plaintext(*split_address(address), seconds):
        return [f"{listener} is open: Kafka responds without TLS"]
    user = secure.plan.users[0]
    password = secure.passwords[user]
    login = partial(_log_in, secure, address, seconds)
    problems = [
        _rejection(listener, "a client without the lab's CA", WRONG_CA, partial(_encrypt, address, seconds)),
        _rejection(listener, "a wrong password", WRONG_LOGIN, partial(login, user, _other_password(password))),
        _rejection(listener, "an unknown user", WRONG_LOGIN, partial(login, NO_SUCH_USER, password)),
    ]
    try:
        login(user, password)
    except LayerFailed as error:
        problems.append(f"{listener} rejected the user {user}: {error}")
    return [problem for problem in problems if problem]


def _encrypt(address: str, seconds: float) -> None:
    """Make a TLS handshake with the CAs of this machine. Raises LayerFailed."""
    with open_link(*split_address(address), Login({"security_protocol": "SSL"}), seconds):
        return


def _log_in(secure: SecureLab, address: str, seconds: float, user: str, password: str) -> None:
    """Log in by TLS and SCRAM. Raises LayerFailed with the broker's own message."""
    login = Login(login_settings(secure.plan, secure.ca, user, password))
    with open_link(*split_address(address), login, seconds) as link:
        log_in(link, login)


def _rejection(listener: str, client: str, reason: str, probe: Callable[[], None]) -> str:
    """Return what is wrong where `probe` is accepted, or rejected for another reason; else ""."""
    try:
        probe()
    except LayerFailed as error:
        return "" if reason in str(error) else f"{listener} rejected {client} for the wrong reason: {error}"
    return f"{listener} accepted {client}"


def _other_password(password: str) -> str:
    return password[:-1] + ("a" if password[-1] != "a" else "b")


def _controller_listener(context: CheckContext, secure: SecureLab, address: str) -> list[str]:
    """Return what is wrong with a controller's listener: a tool inside trusts the CA and sends no certificate."""
    if isinstance(context.console, Unavailable):
        return []
    command = quorum_status(address, f"{secure.secrets}/{ANONYMOUS_CLIENT}.properties")
    done = context.console.run(command, None, context.timeout + TOOL_START_SECONDS)
    output = (done.stdout + done.stderr).decode(errors="replace")
    listener = f"listener CONTROLLER of {address}"
    if done.exit_code == 0:
        return [f"{listener} accepted a client without a certificate"]
    if not any(alert in output for alert in NO_CERTIFICATE):
        return [f"{listener} rejected a client without a certificate for the wrong reason: {error_summary(done)}"]
    return []


def _settings(context: CheckContext, secure: SecureLab) -> list[str]:
    """Return the security settings of running brokers that differ from the plan."""
    problems = []
    for number, planned in secure.settings.items():
        actual = context.client.broker_config(number)
        problems += [
            f"broker {number} runs with {key}={actual.get(key, '')}, planned is {planned[key]}"
            for key in COMPARED
            if actual.get(key, "") != planned[key]
        ]
    return problems


def _acls(context: CheckContext, secure: SecureLab) -> list[str]:
    """Return ACLs that are not planned, and planned ACLs that are missing."""
    try:
        actual = {acl for acl in context.client.acls() if not acl.name.startswith(TOPIC_PREFIX)}
    except KafkaFailed as error:
        return [f"the authorizer is off: {error.message}"]
    planned = set(secure.plan.acls)
    return [f"an ACL that is not in lab.yaml allows {acl}" for acl in sorted(actual - planned)] + [
        f"an ACL of lab.yaml is missing: {acl}" for acl in sorted(planned - actual)
    ]


def _is_allowed(secure: SecureLab, user: str, topic: str, operation: str) -> bool:
    """Whether an ACL of lab.yaml allows the user an operation on a topic."""
    return any(
        acl.user == user
        and acl.resource == "topic"
        and acl.operation in {operation, "all"}
        and (acl.name in {topic, "*"} if acl.pattern == "literal" else topic.startswith(acl.name))
        for acl in secure.plan.acls
    )


def _forbidden_topic(context: CheckContext, secure: SecureLab, user: str, client: KafkaClient) -> list[str]:
    """Return what is wrong where `user` has access to a topic without an ACL, or no access to it with one.

    What an ACL of lab.yaml for all topics allows is no fault.
    """
    topic = context.topic("security")
    record = (None, context.mark(f"by {user}"))
    problems = []
    for operation, what, attempt in (
        ("write", "write to", lambda: client.produce(topic, [record], partition=0)),
        ("read", "read", lambda: client.read(topic, partitions=1, until=1, seconds=context.timeout)),
    ):
        if _is_allowed(secure, user, topic, operation):
            continue
        try:
            attempt()
        except AccessDenied:
            continue
        except KafkaFailed as error:
            problems.append(
                f"the user {user} can't {what} a topic without an ACL, for the wrong reason: {error.message}"
            )
        else:
            problems.append(f"the authorizer allowed the user {user} to {what} a topic without an ACL")
    return problems or _allowed_topic(context, user, client, topic)


def _allowed_topic(context: CheckContext, user: str, client: KafkaClient, topic: str) -> list[str]:
    acls = [AclPlan(user, "topic", "literal", topic, operation) for operation in ("read", "write")]
    value = context.mark(f"by {user}, allowed")

    def use() -> None:
        client.produce(topic, [(None, value)], partition=0)
        values = [record.value for record in client.read(topic, partitions=1, seconds=context.timeout)]
        if value not in values:
            raise NotReady(f"read {len(values)} other records")

    context.client.create_acls(acls)
    try:
        eventually(context.timeout, f"the user {user} to use a topic that an ACL allows", use)
    except CheckFailed as failed:
        return [str(failed)]
    finally:
        context.client.delete_acls(acls)
    return []
