"""The border to kafka-python: its errors, its clients and its deadlines. None of its exceptions comes out of here."""

from __future__ import annotations

import contextlib
import functools
import importlib
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from labctl.errors import AccessDenied, KafkaFailed
from labctl.parallel import in_time

P = ParamSpec("P")
T = TypeVar("T")
C = TypeVar("C", bound="Bounded")

CLOSE_SECONDS = 2.0  # kafka-python's take up to 120 s where the broker is gone


class Bounded(Protocol):
    """A client that answers within `patience` seconds, and can be closed."""

    patience: float

    def close(self) -> None:
        """Let go of the connections."""


def answers(address: str, seconds: float = 1) -> str | None:
    """None where something accepts connections at HOST:PORT, else what happened."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), seconds).close()
    except socket.gaierror:
        return f"the name {host} can't be resolved"
    except TimeoutError:
        return f"{address} does not answer"
    except ConnectionRefusedError:
        return f"nothing listens on {address}"
    except OSError as error:
        return f"{address}: {error.strerror or error}"
    return None


@contextlib.contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn what kafka-python raises in the block into KafkaFailed (AccessDenied) that begins with `what`."""
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


def ends_in_time(verb: Callable[Concatenate[C, P], T]) -> Callable[Concatenate[C, P], T]:
    """Ask in a thread of its own, and end at the deadline whatever kafka-python does.

    It drives its connections in the thread that asks: there it swallows interrupts, and some of its calls never return.
    """

    @functools.wraps(verb)
    def ask(self: C, /, *args: P.args, **options: P.kwargs) -> T:
        own = options.get("seconds")
        seconds = self.patience + (float(own) if isinstance(own, (int, float)) else 0.0)
        try:
            return in_time(functools.partial(verb, self, *args, **options), seconds)
        except TimeoutError:
            self.close()
            raise KafkaFailed(f"{verb.__name__.replace('_', ' ')}: no answer within {seconds:.0f} s") from None

    return ask


def load_library() -> None:
    """Import kafka-python in a thread of its own: 0.2 s that pass while nodes are started."""
    threading.Thread(target=importlib.import_module, args=("kafka",), daemon=True).start()


def connecting(kind: Any, *topics: str, **settings: Any) -> Any:
    """A client of kafka-python's; one that can't connect leaves neither its thread nor its sockets, as it would."""
    client = kind.__new__(kind)
    try:
        client.__init__(*topics, **settings)
    except BaseException:
        if net := getattr(client, "_net", None):
            net.close()
        raise
    return client


def close_all(closings: Sequence[Callable[[], object]]) -> None:
    """Close one after another, CLOSE_SECONDS in all: what takes longer goes on behind."""

    def close() -> None:
        for one in closings:
            with contextlib.suppress(Exception):
                one()

    if closings:
        with contextlib.suppress(TimeoutError):
            in_time(close, CLOSE_SECONDS)


def end_producer(producer: Any) -> None:
    """Close it; what it could not write by now is given up: kafka-python would leave it open, its thread running."""
    from kafka.errors import KafkaTimeoutError

    try:
        producer.close(timeout=1)
    except KafkaTimeoutError:
        producer._sender.force_close()  # noqa: SLF001 - `close` gives up before it comes to this
        producer.close(timeout=1)
