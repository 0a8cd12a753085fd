"""Which protocol each listener speaks."""

from __future__ import annotations

from collections.abc import Iterator

from labctl.lint.rule import Match, Setup, rule
from labctl.lint.settings import (
    ADVERTISED,
    LISTENERS,
    MAP,
    PROTOCOLS,
)


@rule(
    "KAFKA-MAP-MISSING",
    "error",
    wrong="KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: INTERNAL:PLAINTEXT,EXTERNAL:PLAINTEXT",
    right="""
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT,EXTERNAL:PLAINTEXT
    """,
)
def map_missing(setup: Setup) -> Iterator[Match]:
    """A listener has no security protocol.

    Once listener.security.protocol.map is given, each listener needs an entry in it, that of the controller also at a
    node that is only a broker. Without it only the names PLAINTEXT, SSL, SASL_PLAINTEXT and SASL_SSL have one, and the
    controller's where no other protocol than PLAINTEXT is in use.
    """
    for node in setup.nodes:
        given = node.settings.get(MAP)
        if (given and not given.known) or (given is None and not node.complete):
            continue
        names = [one.name for one in node.listeners]
        names += [name for name in node.controller_names if node.roles and name not in names]
        secured = given is None and any(name in PROTOCOLS and name != "PLAINTEXT" for name in names)
        for name in dict.fromkeys(names):
            own = name in node.controller_names and name not in PROTOCOLS
            if name.upper() in node.protocols and not (secured and own):
                continue
            where = "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP" if given else "a map, which is missing,"
            whole = ",".join(f"{one}:{node.protocols.get(one, 'PLAINTEXT')}" for one in dict.fromkeys(names))
            yield Match(
                node.place(MAP, LISTENERS, ADVERTISED),
                f"listener {name} of {node.name} has no entry in {where}",
                f"add {name}:PLAINTEXT" if given else f"write KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: {whole}",
                (node.set(MAP, f"{given.value.strip()},{name}:PLAINTEXT" if given else whole),),
            )


@rule(
    "KAFKA-MAP-INVALID",
    "error",
    wrong="KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT,EXTERNAL:PLAIN",
    right="""
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT,EXTERNAL:PLAINTEXT
    """,
)
def map_invalid(setup: Setup) -> Iterator[Match]:
    """An entry of the map names no security protocol.

    There are PLAINTEXT, SSL, SASL_PLAINTEXT and SASL_SSL. PLAIN and SCRAM-SHA-512 are mechanisms of SASL.
    """
    for node in setup.nodes:
        setting = node.get(MAP)
        for entry in setting.entries if setting else ():
            name, colon, protocol = entry.rpartition(":")
            if (not colon or protocol.strip().upper() not in PROTOCOLS) and entry[0] not in "\"'" and setting:
                if protocol.endswith(("'", '"')):
                    continue
                yield Match(
                    setting.place,
                    f"{entry}: {protocol.strip()} is no security protocol"
                    if colon
                    else f"{entry} is not NAME:PROTOCOL",
                    f"write {name.strip() or entry}:PLAINTEXT, or another of {', '.join(PROTOCOLS[1:])}",
                )


@rule(
    "KAFKA-MAP-SURPLUS",
    "warning",
    wrong="""
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT,EXTERNAL:PLAINTEXT,OUTSIDE:SSL
    """,
    right="""
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT,EXTERNAL:PLAINTEXT
    """,
)
def map_surplus(setup: Setup) -> Iterator[Match]:
    """The map has an entry for a listener that no node has.

    It does no harm by itself. It often stands where a listener was renamed, or was never added.
    """
    everywhere = {one.name for node in setup.nodes for one in (*node.listeners, *node.advertised)}
    everywhere |= {name for node in setup.nodes for name in node.controller_names}
    reported = set()
    for node in setup.nodes:
        setting = node.get(MAP)
        if not setting or not all(one.listeners_known for one in setup.nodes):
            continue
        for name in node.protocols:
            if name not in everywhere and name not in PROTOCOLS and name[:1] not in "\"'" and name not in reported:
                reported.add(name)
                kept = ",".join(entry for entry in setting.entries if not entry.upper().startswith(f"{name}:"))
                yield Match(
                    setting.place,
                    f"no node has a listener called {name}",
                    f"remove {name}, or add the listener",
                    (node.set(MAP, kept),),
                )
