"""The adapter to kafka-python: its errors, its clients and its deadlines. No exception of kafka-python leaves here."""

from __future__ import annotations

import contextlib
import functools
import importlib
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from labctl.errors import AccessDenied, KafkaFailed
from labctl.kafka.address import split_address
from labctl.system.parallel import run_with_timeout

P = ParamSpec("P")
T = TypeVar("T")
C = TypeVar("C", bound="TimeLimited")

CLOSE_SECONDS = 2.0  # kafka-python's own close takes up to 120 s where the broker is gone


class TimeLimited(Protocol):
    """A client that responds within `timeout` seconds, and can be closed."""

    timeout: float

    def close(self) -> None:
        """Close the connections."""


def raise_error(response: Any) -> None:
    """Raise kafka-python's error where a response, or a part of it, has an error code."""
    from kafka.errors import for_code

    if response.error_code:
        raise for_code(response.error_code)(response.error_message or "")


def connection_error(address: str, seconds: float = 1) -> str | None:
    """Return None where HOST:PORT accepts connections, else why it does not."""
    host, port = split_address(address)
    try:
        socket.create_connection((host, port), seconds).close()
    except socket.gaierror:
        return f"the name {host} can't be resolved"
    except TimeoutError:
        return f"{address} does not respond"
    except ConnectionRefusedError:
        return f"nothing listens on {address}"
    except OSError as error:
        return f"{address}: {error.strerror or error}"
    return None


@contextlib.contextmanager
def map_errors(what: str) -> Iterator[None]:
    """Turn the errors that kafka-python raises in the block into labctl's, whose messages start with `what`.

    Raises AccessDenied where Kafka's authorizer rejects the request, KafkaFailed for every other error.
    """
    from kafka.errors import AuthorizationError, KafkaError

    try:
        yield
    except AuthorizationError as error:
        raise AccessDenied(f"{what}: {type(error).__name__}") from error
    except KafkaError as error:
        kind = type(error).__name__
        raise KafkaFailed(f"{what}: {kind}: {str(error).removeprefix(f'{kind}: ')}".rstrip(": ")) from error
    except (OSError, RuntimeError) as error:  # RuntimeError: another thread closed the client meanwhile
        raise KafkaFailed(f"{what}: {error}") from error


def with_timeout(method: Callable[Concatenate[C, P], T]) -> Callable[Concatenate[C, P], T]:
    """Run the method in a thread of its own, and raise KafkaFailed at the deadline, whatever kafka-python does.

    kafka-python runs its network loop in the calling thread: it swallows interrupts there, and some calls never return.
    """

    @functools.wraps(method)
    def limited(self: C, /, *args: P.args, **options: P.kwargs) -> T:
        own = options.get("seconds")
        seconds = self.timeout + (float(own) if isinstance(own, (int, float)) else 0.0)
        try:
            return run_with_timeout(functools.partial(method, self, *args, **options), seconds)
        except TimeoutError:
            self.close()
            raise KafkaFailed(f"{method.__name__.replace('_', ' ')}: no response within {seconds:.0f} s") from None

    return limited


def load_library() -> None:
    """Import kafka-python in a thread of its own: 0.2 s that pass while nodes start."""
    threading.Thread(target=importlib.import_module, args=("kafka",), daemon=True).start()


def open_client(kind: Any, *topics: str, **settings: Any) -> Any:
    """Return a client of kafka-python.

    If it can't connect, close its thread and sockets, which it does not do itself.
    """
    client = kind.__new__(kind)
    try:
        client.__init__(*topics, **settings)
    except BaseException:
        if net := getattr(client, "_net", None):
            net.close()
        raise
    return client


def close_all(closings: Sequence[Callable[[], object]]) -> None:
    """Call one after another, CLOSE_SECONDS in all: what takes longer goes on in its thread."""

    def close() -> None:
        for closing in closings:
            with contextlib.suppress(Exception):
                closing()

    if closings:
        with contextlib.suppress(TimeoutError):
            run_with_timeout(close, CLOSE_SECONDS)


def end_producer(producer: Any) -> None:
    """Close a producer. Records that it could not write are dropped: kafka-python would keep it and its thread."""
    from kafka.errors import KafkaTimeoutError

    try:
        producer.close(timeout=1)
    except KafkaTimeoutError:
        producer._sender.force_close()  # noqa: SLF001 - `close` gives up before it comes to this
        producer.close(timeout=1)


def scram_client(user: str, password: str, mechanism: str) -> Any:
    """Return kafka-python's SCRAM exchange for one login."""
    from kafka.net.sasl.scram import ScramClient

    return ScramClient(user, password, mechanism)
