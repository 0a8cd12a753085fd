"""confluent-kafka: its import, its producer and its consumer, without the output that librdkafka prints by itself."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from labctl.errors import HostError

Settings = Mapping[str, str]

POLL_SECONDS = 0.1
STALL_SECONDS = 60  # without a record that must be there
DELIVERY_SECONDS = 120  # for the acknowledgement of a record, in the queue too: it must be short on a slow network
QUIET = {"log_level": 0}  # librdkafka writes to stderr by itself
WRITER = {
    "enable.idempotence": True,
    "partitioner": "murmur2_random",  # as Java's clients: librdkafka's own default differs
    "message.timeout.ms": DELIVERY_SECONDS * 1000,
    "queue.buffering.max.kbytes": 20480,
    "message.max.bytes": 10_000_000,  # less than the queue has; a broker's default is 1 MB
}
READER = {
    "group.id": "labctl",  # it joins no group, and commits nothing
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
    "auto.offset.reset": "error",
    "check.crcs": False,  # the broker has verified them
    "queued.max.messages.kbytes": 32768,
    "fetch.message.max.bytes": 4 * 2**20,
    "fetch.wait.max.ms": 50,  # at the end of a partition, before the next
}


def load_library() -> Any:
    """Return the module confluent_kafka. Raises HostError where it is not installed."""
    try:
        import confluent_kafka
    except ImportError as error:
        raise HostError(
            f"confluent-kafka can't be imported: {error}",
            "pip install confluent-kafka; where there is no wheel of it (Alpine Linux, glibc before 2.28), "
            "it needs a C compiler and librdkafka's headers",
        ) from None
    return confluent_kafka


def open_producer(settings: Settings, trouble: list[str], **more: Any) -> Any:
    """Return an idempotent producer with acks=all; `trouble` gets the newest error of its connections.

    Raises HostError where confluent-kafka is not installed, or can't be used with the settings.
    """
    report = partial(_keep_newest, trouble)
    return _open("Producer", {**settings, **QUIET, **WRITER, **more, "error_cb": report})


def open_consumer(settings: Settings, trouble: list[str]) -> Any:
    """Return a consumer of committed records, in no group; `trouble` gets the newest error of its connections.

    Raises HostError where confluent-kafka is not installed, or can't be used with the settings.
    """
    report = partial(_keep_newest, trouble)
    return _open("Consumer", {**settings, **QUIET, **READER, "error_cb": report})


def _open(kind: str, settings: Mapping[str, Any]) -> Any:
    library = load_library()
    try:
        return getattr(library, kind)(settings)
    except library.KafkaException as error:  # a file of the login can't be read, for example
        raise HostError(f"librdkafka can't be used: {error.args[0].str()}", "run labctl doctor") from None


def with_trouble(why: str, trouble: list[str]) -> str:
    """Return why something failed, with the newest error of the connections where there is one."""
    return f"{why} ({trouble[-1]})" if trouble else why


def _keep_newest(kept: list[str], error: Any) -> None:
    kept[:] = [error.str()]
