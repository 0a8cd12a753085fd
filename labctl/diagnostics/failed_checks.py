"""From the checks that failed to what a client can't do: the first of what it needs, with a remedy."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from labctl.results import CheckResult, Diagnosis


class Ability(NamedTuple):
    """Something that a client does. `failure` is how the detail of a check begins that can't do it ("": `checks` say).

    `right` is what Kafka's authorizer must allow for it: the options of kafka-acls.sh.
    """

    name: str
    failure: str
    checks: tuple[str, ...]
    right: str


ABILITIES = (
    Ability("create topics", r"no topic to check with|the checks' topics", (), "Create --cluster"),
    Ability("produce", r"write to ", (), "Write --topic '*'"),
    Ability("consume", r"read ", (), "Read --topic '*'"),
    Ability("use a consumer group", "", ("consumer-group",), "Read --group '*'"),
    Ability("use a transaction", "", ("transaction",), "Write --transactional-id '*'"),
    Ability("use a share group", "", ("share-group",), "Read --group '*'"),
)
DENIED = re.compile(r"Authorization ?[Ff]ailed")
# (what the detail says, remedy); the names are those of Kafka's error codes: https://kafka.apache.org/protocol
REMEDIES = (
    (
        re.compile(r"NotEnoughReplicas"),
        "too few replicas are in sync: start the missing brokers, or lower min.insync.replicas",
    ),
    (re.compile(r"InvalidReplicationFactor"), "there are fewer brokers than replicas: start more, or ask for fewer"),
    (
        re.compile(r"UnsupportedVersion"),
        "the brokers are too old for it, or its feature is switched off: kafka-features.sh describe",
    ),
)


def first_inability(results: Iterable[CheckResult]) -> Diagnosis | None:
    """Return the first thing that a client can't do, of the checks that failed, with its remedy; None: no check says.

    What a client needs first explains what fails after it: without a topic there is nothing to write to.
    """
    failed = [result for result in results if result.status in {"failed", "error"}]
    for ability in ABILITIES:
        for result in failed:
            if result.name in ability.checks or (ability.failure and re.match(ability.failure, result.detail)):
                return Diagnosis(f"clients can't {ability.name}: {result.detail}", _remedy(ability, result.detail))
    return None


def _remedy(ability: Ability, detail: str) -> str:
    if DENIED.search(detail):
        return (
            "allow it for the client's user: kafka-acls.sh --bootstrap-server HOST:PORT --add "
            f"--allow-principal User:NAME --operation {ability.right}"
        )
    return next((remedy for pattern, remedy in REMEDIES if pattern.search(detail)), "")
