"""Kafka Connect: the lines of a file become records, and the records become the lines of another file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial

from labctl.checks.base import CheckFailed, CheckPass, Skipped, eventually
from labctl.checks.context import TOPIC_PREFIX, CheckContext, ConnectAccess, Unavailable
from labctl.errors import LabError
from labctl.services import connectors
from labctl.system.waiting import NotReady

LINES = 3
COMMAND_SECONDS = 20.0
STRINGS = {f"{part}.converter": "org.apache.kafka.connect.storage.StringConverter" for part in ("key", "value")}


def no_connect(context: CheckContext) -> str | None:
    """Return why this check can't run, or None where it can."""
    return context.connect.reason if isinstance(context.connect, Unavailable) else None


def connect(context: CheckContext) -> CheckPass:
    """Return a pass where a file source and a file sink carry lines through a topic.

    Raises CheckFailed where they do not, Skipped where there is no Kafka Connect, KafkaFailed, ServiceFailed, LabError.
    """
    access = context.connect
    if isinstance(access, Unavailable):
        raise Skipped(access.reason)
    topic = context.topic("connect")
    lines = [f'{{"orderid":{number},"run":"{context.run}"}}' for number in range(1001, 1001 + LINES)]
    text = "".join(f"{line}\n" for line in lines).encode()
    source_file, sink_file = (f"{access.service.data_folder}/{topic}-{end}" for end in ("source", "sink"))
    source = {"connector.class": "FileStreamSource", "file": source_file, "topic": topic, **STRINGS}
    sink = {"connector.class": "FileStreamSink", "file": sink_file, "topics": topic, **STRINGS}
    with _cleaned(context, access, [source_file, sink_file]):
        _run(access, ["sh", "-c", 'cat > "$0"', source_file], text)
        connectors.apply(access.service, f"{topic}-source", source)
        connectors.apply(access.service, f"{topic}-sink", sink)
        eventually(context.timeout, f"the lines in {sink_file}", partial(_require_lines, access, sink_file, text))
    values = [record.value for record in context.client.read(topic, until=LINES, seconds=context.timeout)]
    if values != [line.encode() for line in lines]:
        raise CheckFailed(f"the source wrote {lines}, the topic has {values}")
    return CheckPass(f"{LINES} lines of a file became records, and the records lines of another: {access.service.url}")


def _require_lines(access: ConnectAccess, path: str, expected: bytes) -> None:
    done = access.run(["cat", path], None, COMMAND_SECONDS)
    if done.exit_code != 0 or done.stdout != expected:
        raise NotReady(f"it has {done.stdout.decode(errors='replace')!r}")


def _run(access: ConnectAccess, argv: list[str], stdin: bytes | None = None) -> None:
    done = access.run(argv, stdin, COMMAND_SECONDS)
    if done.exit_code != 0:
        raise CheckFailed(f"{done.command} ended with exit code {done.exit_code}: {done.stderr.decode()[:300]}")


@contextlib.contextmanager
def _cleaned(context: CheckContext, access: ConnectAccess, files: list[str]) -> Iterator[None]:
    """Delete the connectors, their group and the files after the block, and before it what killed runs left."""
    _delete_connectors(access)
    try:
        yield
    finally:
        with contextlib.suppress(LabError):  # the block's own failure says more; the next run deletes the connectors
            _delete_connectors(access)
        with contextlib.suppress(CheckFailed, LabError):  # Kafka deletes a group without members by itself
            _run(access, ["rm", "-f", *files])
            groups = [f"connect-{context.topic('connect')}-sink"]
            eventually(context.settle, "the group of the sink deleted", partial(_delete_groups, context, groups))


def _delete_groups(context: CheckContext, groups: list[str]) -> None:
    if kept := context.client.delete_groups(groups):
        raise NotReady(str(kept))


def _delete_connectors(access: ConnectAccess) -> None:
    for name in connectors.names(access.service):
        if name.startswith(TOPIC_PREFIX):
            connectors.delete(access.service, name)
