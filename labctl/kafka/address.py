"""HOST:PORT and [IPv6]:PORT."""

from __future__ import annotations


def split_address(address: str) -> tuple[str, int]:
    """Return the host and the port of HOST:PORT or [IPv6]:PORT. Raises ValueError where the port is no number."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def join_address(host: str, port: int) -> str:
    """Return HOST:PORT, or [IPv6]:PORT."""
    return f"[{host.strip('[]')}]:{port}" if ":" in host else f"{host}:{port}"
