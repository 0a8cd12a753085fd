"""From a place to a broker's address, layer by layer: the first layer that does not work is the cause of the others.

Raw requests on one connection: a client library would follow the advertised addresses by itself, and report a time-out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from labctl.kafka.address import split_address
from labctl.kafka.link import LayerFailed
from labctl.kafka.wire import API_VERSIONS, METADATA, Metadata, WireError, metadata_body, read_metadata
from labctl.results import Status
from labctl.system.parallel import run_all

LAYERS = ("name", "tcp", "tls", "kafka", "login", "metadata", "advertised", "identity")
WORKERS = 8
MOST = 40  # advertised addresses that are tried: three seconds each where nothing answers, WORKERS at a time
SHOWN = 3  # of those that can't be reached


@dataclass(frozen=True, slots=True)
class LayerResult:
    """A layer from one place: passed with what was observed, failed with the cause and the remedy, or skipped."""

    place: str
    layer: str
    status: Status
    detail: str
    remedy: str = ""


class Place(Protocol):
    """Where a client is: this machine, a broker's container, another container. Each method raises LayerFailed."""

    @property
    def name(self) -> str:
        """What it is called in messages."""

    @property
    def layers(self) -> Sequence[str]:
        """The layers that can be examined from there."""

    def resolve(self, host: str) -> tuple[str, ...]:
        """Return the addresses of a name; nothing where it can't be resolved."""

    def connect(self, address: str) -> str:
        """Connect by TCP to HOST:PORT, and return what was observed."""

    def encrypt(self, address: str) -> str:
        """Make a TLS handshake, and return what was observed."""

    def exchange(self, address: str, api: int, version: int, body: bytes, *, login: bool) -> bytes:
        """Return the body of the response to one request, after a login where `login` says so."""


@dataclass(slots=True)
class Examination:
    """What was found from one place at one address: the layers in order, and the metadata where Kafka gave it."""

    place: str
    address: str  # HOST:PORT
    results: list[LayerResult] = field(default_factory=list)
    metadata: Metadata | None = None

    @property
    def failed(self) -> LayerResult | None:
        """The first layer that does not work."""
        return next((result for result in self.results if result.status == "failed"), None)


def examine(place: Place, bootstrap: Sequence[str]) -> Examination:
    """Return the layers from a place to the first bootstrap address that works, or to that which works furthest."""
    tried = []
    for address in bootstrap:
        tried.append(_examine(place, address))
        if not tried[-1].failed:
            return tried[-1]
    return max(tried, key=lambda one: len(one.results))


def _examine(place: Place, address: str) -> Examination:
    examination = Examination(place.name, address)
    steps: dict[str, Callable[[], str]] = {
        "name": partial(_name, place, address),
        "tcp": lambda: place.connect(address),
        "tls": lambda: place.encrypt(address),
        "kafka": partial(_kafka, place, address),
        "login": partial(_login, place, address),
        "metadata": lambda: _metadata(place, address, examination),
        "advertised": lambda: _advertised(place, examination),
        "identity": lambda: _identity(place, address, examination),
    }
    for layer, step in steps.items():
        if layer not in place.layers:
            continue
        try:
            examination.results.append(LayerResult(place.name, layer, "passed", step()))
        except LayerFailed as failed:
            result = LayerResult(place.name, failed.layer, "failed", failed.cause, failed.remedy)
            examination.results.append(result)
            break
    return examination


def _name(place: Place, address: str) -> str:
    host = split_address(address)[0]
    found = place.resolve(host)
    if not found:
        raise LayerFailed(
            "name", f"the name {host} can't be resolved", f"who should know {host}? see its networks, DNS"
        )
    return f"{host} is {', '.join(found)}"


def _kafka(place: Place, address: str) -> str:
    place.exchange(address, API_VERSIONS, 0, b"", login=False)
    return f"Kafka responds at {address}"


def _login(place: Place, address: str) -> str:
    place.exchange(address, API_VERSIONS, 0, b"", login=True)
    return "logged in"


def _metadata(place: Place, address: str, examination: Examination) -> str:
    found = examination.metadata = ask_metadata(place, address)
    if not found.brokers or found.controller < 0:
        what = "the cluster has no controller" if found.brokers else "no broker is registered"
        raise LayerFailed("metadata", what, "has the quorum a leader? see the controllers' logs")
    brokers = ", ".join(f"{number}@{address}" for number, address in sorted(found.brokers.items()))
    return f"cluster {found.cluster_id}, brokers {brokers}"


def ask_metadata(place: Place, address: str) -> Metadata:
    """Return what the broker at an address says of its cluster. Raises LayerFailed."""
    try:
        return read_metadata(place.exchange(address, METADATA, 4, metadata_body(), login=True))
    except WireError as error:
        raise LayerFailed("metadata", str(error)) from error


def _advertised(place: Place, examination: Examination) -> str:
    """Every address that clients are sent to can be reached."""
    brokers = sorted(examination.metadata.brokers.items()) if examination.metadata else []
    found = run_all([partial(_reach, place, number, address) for number, address in brokers[:MOST]], WORKERS)
    broken = [failed for failed in found if failed]
    if broken:
        more = f"; and {len(broken) - SHOWN} more" if broken[SHOWN:] else ""
        raise LayerFailed("advertised", "; ".join(broken[:SHOWN]) + more, ADVERTISED_REMEDY)
    addresses = f"{len(found)} advertised address{'es' if len(found) != 1 else ''}"
    return addresses + (f" of {len(brokers)}" if brokers[MOST:] else "") + " can be reached"


ADVERTISED_REMEDY = (
    "advertise an address that clients there can reach (advertised.listeners); for the host its port must be published"
)


def _reach(place: Place, number: int, address: str) -> str:
    """Why the advertised address of a broker can't be reached; "" where it can."""
    host = split_address(address)[0]
    try:
        if not place.resolve(host):
            return f"broker {number} sends clients to {address}, and the name {host} can't be resolved"
        place.connect(address)
    except LayerFailed as failed:
        return f"broker {number} sends clients to {address}: {failed.cause}"
    return ""


def _identity(place: Place, address: str, examination: Examination) -> str:
    """At every advertised address the same cluster responds."""
    metadata = examination.metadata
    if not metadata:
        return ""
    others = [one for _number, one in sorted(metadata.brokers.items())[:MOST] if one != address]
    found = run_all([partial(_cluster, place, one) for one in others], WORKERS)
    strangers = [f"{one} belongs to cluster {cluster}" for one, cluster in found if cluster != metadata.cluster_id]
    if strangers:
        what = f"{address} is cluster {metadata.cluster_id}, and {'; '.join(strangers)}: records land in another Kafka"
        raise LayerFailed("identity", what, "two Kafkas: advertise each one's own published port")
    return f"cluster {metadata.cluster_id} responds at every advertised address"


def _cluster(place: Place, address: str) -> tuple[str, str]:
    try:
        return address, ask_metadata(place, address).cluster_id
    except LayerFailed as failed:
        what = f"clients are sent to {address}, and there: {failed.cause}"
        raise LayerFailed("advertised", what, failed.remedy or ADVERTISED_REMEDY) from failed
