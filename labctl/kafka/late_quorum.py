"""The state of the quorum, where nobody may be there to report it."""

from __future__ import annotations

from labctl.errors import KafkaFailed
from labctl.kafka.client import KafkaClient, Quorum

LATE = ("RequestTimedOutError", "no response within")


def read_quorum(client: KafkaClient) -> tuple[Quorum | None, str]:
    """Return the quorum, and "" or why it is not known. Raises nothing.

    Where the leader of the quorum is frozen, brokers go on waiting for its response for 30 s
    (controller.socket.timeout.ms), also when another voter leads.
    """
    try:
        return client.quorum(), ""
    except KafkaFailed as error:
        late = any(words in error.message for words in LATE)
        return None, "no broker reports the quorum in time" if late else error.message
