"""A running container as a place from which a Kafka is examined: names, TCP and plain requests, by its own bash.

There is no Java in it: a probe takes 0.1 s, where a console tool takes a second. TLS and logins need the host's view.
"""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Iterator, Sequence
from typing import NoReturn

from labctl.errors import HostError
from labctl.kafka.address import split_address
from labctl.kafka.link import LayerFailed
from labctl.kafka.wire import WireError, request, response_body
from labctl.runtime.base import Completed
from labctl.runtime.docker.container import Container
from labctl.runtime.docker.engine import Engine

SECONDS = 4  # inside; docker's own time is added
OUTER_SECONDS = 15.0
LIFE_SECONDS = 60  # of the container beside it, which ends by itself where labctl was killed
RESOLVE = 'getent ahosts "$1" || nslookup "$1" | sed 1,2d'
CONNECT = 'exec 3<>"/dev/tcp/$1/$2"'
# The length of the response, then the response: head reads more than it prints, and may do so only at the end.
EXCHANGE = """\
exec 3<>"/dev/tcp/$1/$2" || exit 7
cat >&3
set -- $(dd bs=1 count=4 <&3 2>/dev/null | od -An -tu1)
[ $# -eq 4 ] || exit 8
length=$(( ($1 << 24) + ($2 << 16) + ($3 << 8) + $4 ))
[ "$length" -le 1048576 ] || exit 9
head -c "$length" <&3
"""
CAUSES = {
    "refused": "nothing listens on port {port} of {host}",
    "not known": "the name {host} can't be resolved",
    "resolve": "the name {host} can't be resolved",
    "unreachable": "{host}:{port} can't be reached",
}


class InContainer:
    """The place inside a running container. Each method raises LayerFailed, HostError or RuntimeFailed."""

    layers = ("name", "tcp", "kafka", "metadata", "advertised", "identity")

    def __init__(self, container: Container, name: str) -> None:
        self._container = container
        self.name = name

    def has_bash(self) -> bool:
        """Return whether a probe can run: images without a shell have no bash."""
        return self._run("true", [], b"").exit_code == 0

    def resolve(self, host: str) -> tuple[str, ...]:
        """Return the addresses of a name; nothing where it can't be resolved."""
        output = self._run(RESOLVE, [host], b"").stdout.decode(errors="replace")
        found = re.findall(r"(?:^|Address\s*\d*:\s*)((?:\d+\.){3}\d+|[0-9a-f:]*:[0-9a-f:]+)", output, re.MULTILINE)
        return tuple(dict.fromkeys(found))

    def connect(self, address: str) -> str:
        """Connect by TCP to HOST:PORT, and return what was observed."""
        host, port = split_address(address)
        done = self._run(CONNECT, [host, str(port)], b"")
        if done.exit_code != 0:
            raise LayerFailed("tcp", _cause(done.stderr, host, port, done.exit_code))
        return f"{address} accepts connections"

    def encrypt(self, address: str) -> NoReturn:
        """Raise LayerFailed: TLS is not one of this place's layers."""
        raise LayerFailed("tls", f"{address}: TLS can't be examined from inside a container")

    def exchange(self, address: str, api: int, version: int, body: bytes, *, login: bool) -> bytes:
        """Return the body of the response to one request."""
        host, port = split_address(address)
        done = self._run(EXCHANGE, [host, str(port)], request(api, version, body))
        if done.exit_code == 7:
            raise LayerFailed("tcp", _cause(done.stderr, host, port, done.exit_code))
        if done.exit_code != 0:
            raise LayerFailed("kafka", f"{address} accepts the connection and sends no response of Kafka")
        try:
            return response_body(api, done.stdout)
        except WireError as error:
            raise LayerFailed("kafka", str(error)) from error

    def _run(self, script: str, arguments: Sequence[str], stdin: bytes) -> Completed:
        argv = ["timeout", str(SECONDS), "bash", "-c", script, "bash", *arguments]
        done = self._container.exec(argv, stdin, OUTER_SECONDS)
        if done.exit_code is None:
            what = f"docker exec did not end within {OUTER_SECONDS:.0f} s"
            raise HostError(f"{self.name}: {what}", "is the container frozen, or the engine busy?")
        return done


@contextlib.contextmanager
def container_beside(engine: Engine, image: str, network: str) -> Iterator[InContainer]:
    """Yield a place in another container on a network, of an image that the engine has; it is removed afterwards.

    Raises HostError or RuntimeFailed where it can't be started.
    """
    name = f"labctl-probe-{uuid.uuid4().hex[:10]}"
    engine.start_helper(name, image, network, ["sleep", str(LIFE_SECONDS)])
    try:
        yield InContainer(Container(engine, name), f"another container on {network}")
    finally:
        engine.remove({"container": [name]})


def _cause(stderr: bytes, host: str, port: int, code: int | None) -> str:
    text = stderr.decode(errors="replace")
    for word, cause in CAUSES.items():
        if word in text:
            return cause.format(host=host, port=port)
    return f"{host}:{port} does not respond" if code in {124, 143} else f"{host}:{port}: {text.strip()[-200:]}"
