"""A listener that speaks the few frames of Kafka's protocol that a probe uses, with or without TLS and a login."""

import contextlib
import socket
import socketserver
import ssl
import struct
import threading
from dataclasses import dataclass, field

from labctl.kafka.wire import API_VERSIONS, METADATA, SASL_AUTHENTICATE, SASL_HANDSHAKE, string


@dataclass
class FakeKafka:
    """What the listener does. `brokers` None: it advertises itself; `certificate` (PEM file): it speaks TLS."""

    cluster: str = "cluster-a"
    brokers: dict[int, tuple[str, int]] | None = None
    controller: int = 1
    certificate: str = ""
    client_ca: str = ""
    mechanisms: tuple[str, ...] = ()
    password: str = ""
    silent: bool = False
    garbage: bytes = b""
    drip: float = 0  # seconds between the bytes of a response
    answers: dict[int, bytes] = field(default_factory=dict)  # {API: the body of its responses}
    port: int = 0
    topics_asked: list[int] = field(default_factory=list)

    def tls_context(self):
        """What the listener has for TLS."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        if self.client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.client_ca)
        return context

    def answer(self, api, body, state):
        """The body of the response to a request; None: close the connection."""
        if api in self.answers:
            return self.answers[api]
        answers = {SASL_HANDSHAKE: self.handshake, SASL_AUTHENTICATE: self.authenticate, METADATA: self.metadata}
        return struct.pack(">hi", 0, 0) if api == API_VERSIONS else answers[api](body, state)

    def handshake(self, body, _state):
        """The mechanisms, and whether the wanted one is among them."""
        code = 34 if not self.mechanisms else 0 if body[2:].decode() in self.mechanisms else 33
        return struct.pack(">hi", code, len(self.mechanisms)) + b"".join(map(string, self.mechanisms))

    def authenticate(self, body, state):
        """Whether the password of PLAIN is right."""
        _, user, password = body[4:].split(b"\0")
        if password.decode() != self.password:
            return struct.pack(">h", 58) + string("Authentication failed: Invalid username or password") + b"\0\0\0\0"
        state["user"] = user
        return struct.pack(">hhi", 0, -1, 0)

    def metadata(self, body, state):
        """The brokers, for a client that has logged in."""
        if self.mechanisms and not state.get("user"):
            return None
        self.topics_asked.append(struct.unpack_from(">i", body)[0])
        brokers = {1: ("localhost", self.port)} if self.brokers is None else self.brokers
        found = b"".join(
            struct.pack(">i", number) + string(host) + struct.pack(">ih", port, -1)
            for number, (host, port) in brokers.items()
        )
        return (
            struct.pack(">ii", 0, len(brokers)) + found + string(self.cluster) + struct.pack(">ii", self.controller, 0)
        )


@contextlib.contextmanager
def listening(kafka):
    """Run the listener on a free port of localhost, and yield HOST:PORT."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            connection, state = self.request, {}
            with contextlib.suppress(OSError, struct.error, ValueError):
                if kafka.certificate:
                    connection = self.request = kafka.tls_context().wrap_socket(connection, server_side=True)
                while True:
                    (length,) = struct.unpack(">i", read(connection, 4))
                    if not 0 < length < 100_000:  # what is no request: Kafka closes the connection too
                        return
                    request = read(connection, length)
                    if kafka.silent:
                        stopped.wait(30)
                        return
                    api, _version, number = struct.unpack_from(">hhi", request)
                    (client,) = struct.unpack_from(">h", request, 8)
                    answer = kafka.answer(api, request[10 + client :], state)
                    if kafka.garbage:
                        connection.sendall(kafka.garbage)
                    if answer is None or kafka.garbage:
                        return
                    response = struct.pack(">ii", len(answer) + 4, number) + answer
                    for part in [bytes([byte]) for byte in response] if kafka.drip else [response]:
                        connection.sendall(part)
                        stopped.wait(kafka.drip)

        def finish(self):
            with contextlib.suppress(OSError):
                self.request.close()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    stopped = threading.Event()
    with Server(("127.0.0.1", 0), Handler) as server:
        kafka.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"localhost:{kafka.port}"
        finally:
            stopped.set()
            server.shutdown()
            thread.join(5)


@contextlib.contextmanager
def closed_port():
    """Yield a port of localhost where nothing listens, and where nobody else can begin to."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def read(connection, count):
    """Read exactly `count` bytes."""
    data = b""
    while len(data) < count:
        chunk = connection.recv(count - len(data))
        if not chunk:
            raise OSError("closed")
        data += chunk
    return data
