"""confluent-kafka: its import, its producer and its consumer, without the output that librdkafka prints by itself."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from labctl.errors import HostError

Settings = Mapping[str, str]

POLL_SECONDS = 0.1
STALL_SECONDS = 60  # without an acknowledgement, or without a record that must be there
QUIET = {"log_level": 0}  # librdkafka writes to stderr by itself
WRITER = {
    "enable.idempotence": True,
    "partitioner": "murmur2_random",  # as Java's clients: librdkafka's own default differs
    "message.timeout.ms": STALL_SECONDS * 1000,
    "queue.buffering.max.kbytes": 65536,
    "message.max.bytes": 100_000_000,  # the broker decides; its default is 1 MB
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

    Raises HostError where confluent-kafka is not installed.
    """
    report = partial(_keep_newest, trouble)
    return load_library().Producer({**settings, **QUIET, **WRITER, **more, "error_cb": report})


def open_consumer(settings: Settings, trouble: list[str]) -> Any:
    """Return a consumer of committed records, in no group; `trouble` gets the newest error of its connections.

    Raises HostError where confluent-kafka is not installed.
    """
    report = partial(_keep_newest, trouble)
    return load_library().Consumer({**settings, **QUIET, **READER, "error_cb": report})


def with_trouble(why: str, trouble: list[str]) -> str:
    """Return why something failed, with the newest error of the connections where there is one."""
    return f"{why} ({trouble[-1]})" if trouble else why


def _keep_newest(kept: list[str], error: Any) -> None:
    kept[:] = [error.str()]
