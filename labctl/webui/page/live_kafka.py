"""The Kafka of the page: which of its brokers respond now, and a client that asks no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from labctl.errors import KafkaFailed
from labctl.kafka.address import split_address
from labctl.kafka.client import KafkaClient
from labctl.kafka.link import Login, why_silent
from labctl.plan.model import LabPlan
from labctl.system.parallel import run_all

# a person waits for the answer: shorter than for a command, which asks once
LOOK_SECONDS = 1.0  # for the response of a broker, which takes milliseconds where it is not frozen
CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 5.0
QUORUM_SECONDS = 1.0  # for each broker's word on the quorum, which all of them may be waiting for


@dataclass(frozen=True, slots=True)
class Responding:
    """The ids of the brokers that respond, a client that asks these, and an impatient one for the quorum."""

    brokers: frozenset[int]
    client: KafkaClient
    quorum_client: KafkaClient

    def close(self) -> None:
        """Close the connections; the next method of a client connects again."""
        self.client.close()
        self.quorum_client.close()


@dataclass(frozen=True, slots=True)
class BrokerProbe:
    """Why a broker did not respond ("": it did), and the seconds that it took."""

    reason: str
    seconds: float


class LiveKafka:
    """The Kafka of a lab, of whose brokers any may be frozen, stopped or killed while the page is open.

    A client that asks a frozen broker would wait for it each time. `settings` are kafka-python's, for the login.
    """

    def __init__(self, plan: LabPlan, settings: Mapping[str, Any]) -> None:
        self._plan, self._settings = plan, settings
        self._choosing = threading.Lock()
        self._last: Responding | None = None

    def look(self) -> Responding:
        """Return the brokers that respond now. Raises KafkaFailed with the reason where none does."""
        return self.connected(self.probe())

    def probe(self) -> dict[int, BrokerProbe]:
        """Return how each broker responds to a new connection, by its id."""
        login, addresses = Login(self._settings), self._plan.host_addresses
        probes = [partial(_probed, address, login) for address in addresses.values()]
        return dict(zip(addresses, run_all(probes, workers=len(probes)), strict=True))

    def connected(self, probes: Mapping[int, BrokerProbe]) -> Responding:
        """Return the brokers that responded. Raises KafkaFailed with the reason where none did."""
        brokers = frozenset(broker for broker, probe in probes.items() if not probe.reason)
        if not brokers:
            raise KafkaFailed("; ".join(f"broker {broker}: {probe.reason}" for broker, probe in probes.items()))
        with self._choosing:
            last = self._last
            if last is None or last.brokers != brokers:
                if last:
                    last.close()
                last = self._last = self._opened(brokers)
            return last

    def close(self) -> None:
        """Close the connections; the next request connects again."""
        with self._choosing:
            if self._last:
                self._last.close()

    def _opened(self, brokers: frozenset[int]) -> Responding:
        bootstrap = self._plan.host_bootstrap(brokers)
        return Responding(
            brokers,
            KafkaClient(bootstrap, self._settings, connect=CONNECT_SECONDS, seconds=ANSWER_SECONDS),
            KafkaClient(bootstrap, self._settings, connect=QUORUM_SECONDS, seconds=QUORUM_SECONDS),
        )


def _probed(address: str, login: Login) -> BrokerProbe:
    began = time.perf_counter()
    reason = why_silent(*split_address(address), login, LOOK_SECONDS)
    return BrokerProbe(reason, time.perf_counter() - began)
