"""Locked doors: who must not get in is refused, each for the right reason, and who may is let in next to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from labctl import doors, tools
from labctl.checks.base import (
    TOPIC_PREFIX,
    CheckContext,
    CheckFailed,
    Found,
    SecureLab,
    Skipped,
    eventually,
    last_words,
)
from labctl.errors import AccessDenied, KafkaFailed
from labctl.kafka_client import KafkaClient
from labctl.parallel import run_all
from labctl.plan import AclPlan
from labctl.security import MECHANISM, NOBODY
from labctl.waiting import NotReady

NO_SUCH_USER = "labctl-check-nobody"
WRONG_LOGIN = "invalid credentials"  # the broker's words for a wrong password and for an unknown user
WRONG_CA = "certificate verify failed"
NO_CERTIFICATE = ("certificate_required", "bad_certificate")  # TLS's alerts for a client that shows none
# of these a broker tells; what the authorizer itself is told shows in what it lets through
COMPARED = ("listener.security.protocol.map", "authorizer.class.name")


def security(context: CheckContext) -> Found:
    """Wrong password, unknown user, no CA, no TLS, no certificate, a forbidden topic; settings and ACLs as planned."""
    secure = context.secure
    if secure is None:
        raise Skipped("this lab's doors have no locks; a lab with security.protocol sasl_ssl has")
    # first what needs no client: where a door is not as planned, a client may not get in to tell
    _ask([partial(_external_door, secure, number, context.seconds) for number in secure.doors])
    context.client.create_topics({context.topic("security"): (1, context.copies, {})})
    try:
        _ask(
            [
                partial(_settings, context, secure),
                partial(_acls, context, secure),
                *(partial(_controller_door, context, secure, address) for address in secure.controllers),
                *(partial(_forbidden_topic, context, user, client) for user, client in secure.clients.items()),
            ]
        )
    finally:
        context.client.delete_topics([context.topic("security")])
        for client in secure.clients.values():
            client.close()
    return Found(
        f"{', '.join(secure.plan.users)} let in, strangers refused at {len(secure.doors)} broker and "
        f"{len(secure.controllers)} controller doors; {len(secure.plan.acls)} ACLs as planned"
    )


def _ask(questions: Sequence[Callable[[], list[str]]]) -> None:
    """Raise CheckFailed with every problem that the questions, asked side by side, find."""
    problems = [problem for found in run_all(questions, len(questions)) for problem in found]
    if problems:
        raise CheckFailed("; ".join(problems))


def _external_door(secure: SecureLab, number: int, seconds: float) -> list[str]:
    """What is wrong with the door of a broker to this machine; `seconds` for one knock."""
    address = secure.doors[number]
    door = f"door EXTERNAL of broker {number} ({address})"
    if doors.answers_without_tls(address, seconds):
        return [f"{door} is open: Kafka answers without TLS"]
    user = secure.plan.users[0]
    password = secure.passwords[user]
    log_in = partial(doors.log_in, address, secure.ca, mechanism=MECHANISM, seconds=seconds)
    problems = [
        _refused(door, "a client without the lab's CA", WRONG_CA, partial(doors.shake_hands, address, None, seconds)),
        _refused(door, "a wrong password", WRONG_LOGIN, partial(log_in, user, _altered(password))),
        _refused(door, "an unknown user", WRONG_LOGIN, partial(log_in, NO_SUCH_USER, password)),
    ]
    try:
        log_in(user, password)
    except doors.Refused as why:
        problems.append(f"{door} keeps the user {user} out: {why}")
    return [problem for problem in problems if problem]


def _refused(door: str, who: str, reason: str, knock: Callable[[], None]) -> str:
    """What is wrong where `knock` is let in, or is refused for another reason; else nothing."""
    try:
        knock()
    except doors.Refused as why:
        return "" if reason in str(why) else f"{door} refuses {who}, but not for that: {why}"
    return f"{door} is open to {who}"


def _altered(password: str) -> str:
    return password[:-1] + ("a" if password[-1] != "a" else "b")


def _controller_door(context: CheckContext, secure: SecureLab, address: str) -> list[str]:
    """What is wrong with the door of a controller: a tool inside that trusts the CA and shows no certificate."""
    if context.tool is None:
        return []
    done = context.tool(
        tools.quorum_status(address, f"{secure.secrets}/{NOBODY}.properties"), None, context.seconds + 10
    )
    said = (done.stdout + done.stderr).decode(errors="replace")
    if done.exit_code == 0:
        return [f"door CONTROLLER of {address} is open to a client without a certificate"]
    if not any(alert in said for alert in NO_CERTIFICATE):
        door = f"door CONTROLLER of {address}"
        return [f"{door} refuses a client without a certificate, but not for that: {last_words(done)}"]
    return []


def _settings(context: CheckContext, secure: SecureLab) -> list[str]:
    """Security settings of running brokers that are not the planned ones."""
    problems = []
    for number, planned in secure.settings.items():
        seen = context.client.broker_config(number)
        problems += [
            f"broker {number} runs with {key}={seen.get(key, '')}, planned is {planned[key]}"
            for key in COMPARED
            if seen.get(key, "") != planned[key]
        ]
    return problems


def _acls(context: CheckContext, secure: SecureLab) -> list[str]:
    """ACLs that nobody planned, and planned ones that are gone."""
    try:
        seen = {one for one in context.client.acls() if not one.name.startswith(TOPIC_PREFIX)}
    except KafkaFailed as error:
        return [f"the authorizer is off: {error.message}"]
    planned = set(secure.plan.acls)
    return [f"an ACL that is not in lab.yaml lets {_told(one)}" for one in sorted(seen - planned)] + [
        f"an ACL of lab.yaml is gone: {_told(one)}" for one in sorted(planned - seen)
    ]


def _told(acl: AclPlan) -> str:
    star = "*" if acl.pattern == "prefixed" else ""
    return f"{acl.user} {acl.operation} {acl.resource} {acl.name}{star}"


def _forbidden_topic(context: CheckContext, user: str, client: KafkaClient) -> list[str]:
    """Whether `user` may use a topic without an ACL for it, and may not with one."""
    topic = context.topic("security")
    record = (None, context.mark(f"by {user}"))
    problems = []
    for what, attempt in (
        ("write to", lambda: client.produce(topic, [record], partition=0)),
        ("read", lambda: client.read(topic, partitions=1, until=1, seconds=context.seconds)),
    ):
        try:
            attempt()
        except AccessDenied:
            continue
        except KafkaFailed as error:
            problems.append(f"the user {user} can't {what} a topic without an ACL, but not for that: {error.message}")
        else:
            problems.append(f"the authorizer lets the user {user} {what} a topic that no ACL allows")
    return problems or _allowed_topic(context, user, client, topic)


def _allowed_topic(context: CheckContext, user: str, client: KafkaClient, topic: str) -> list[str]:
    acls = [AclPlan(user, "topic", "literal", topic, operation) for operation in ("read", "write")]
    value = context.mark(f"by {user}, allowed")

    def use() -> None:
        client.produce(topic, [(None, value)], partition=0)
        seen = [record.value for record in client.read(topic, partitions=1, seconds=context.seconds)]
        if value not in seen:
            raise NotReady(f"read {len(seen)} other records")

    context.client.create_acls(acls)
    try:
        eventually(context.seconds, f"the user {user} to use a topic that an ACL allows", use)
    except CheckFailed as failed:
        return [str(failed)]
    finally:
        context.client.delete_acls(acls)
    return []
