"""Reading a client's configuration file (Java's properties, librdkafka's) as settings of kafka-python."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from labctl.errors import SpecError
from labctl.kafka.security_settings import FILE_PROVIDER
from labctl.spec.text_file import read_text_file

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
# ${provider:path:key}, as org.apache.kafka.common.config.ConfigTransformer reads it
PLACEHOLDER = re.compile(r"\$\{([^}:]*):(?:([^}]*?):)?([^}:]*)\}")


def read_client_config(path: Path) -> dict[str, Any]:
    """Return kafka-python's settings for connecting, from a file in Java's or librdkafka's form. Others are ignored.

    Raises SpecError with every reason why kafka-python can't connect with it.
    """
    settings = _properties(path)
    problems: list[str] = []
    settings = {key: _filled_in(value, settings, problems) for key, value in settings.items()}
    protocol = settings.get("security.protocol", "PLAINTEXT").upper()
    found: dict[str, Any] = {"security_protocol": protocol}
    if protocol not in PROTOCOLS:
        problems.append(f"security.protocol is {protocol}; there are {', '.join(PROTOCOLS)}")
    if protocol.startswith("SASL_"):
        found |= _login(settings, problems)
    if protocol.endswith("SSL"):
        found |= _tls(settings, problems)
    if problems:
        raise SpecError([f"{path}: {problem}" for problem in problems])
    return found


def _properties(path: Path) -> dict[str, str]:
    import javaproperties

    text = read_text_file(path).replace("\r\n", "\n")
    try:
        # librdkafka reads everything after the first = literally
        raw = dict(re.findall(r"^\s*(sasl\.username|sasl\.password)\s*=(.*)$", text, re.MULTILINE))
        return dict(javaproperties.loads(text)) | raw
    except ValueError as error:  # an escape that Java would not read either
        raise SpecError([f"{path} is not a properties file: {error}"]) from None


def _filled_in(value: str, settings: Mapping[str, str], problems: list[str]) -> str:
    """`value` with what Kafka's FileConfigProvider would fill in."""

    def fill(match: re.Match[str]) -> str:
        provider, path, key = match[1], match[2] or "", match[3]
        if settings.get(f"config.providers.{provider}.class") != FILE_PROVIDER["config.providers.file.class"]:
            problems.append(f"{match[0]}: only config.providers of the class FileConfigProvider are read here")
            return ""
        found = _properties(Path(path)).get(key)
        if found is None:
            problems.append(f"{path} has no {key}")
        return found or ""

    return PLACEHOLDER.sub(fill, value)


def _login(settings: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
    mechanism = settings.get("sasl.mechanism", settings.get("sasl.mechanisms", "GSSAPI")).upper()
    if mechanism not in MECHANISMS:
        problems.append(f"sasl.mechanism is {mechanism}; labctl can log in with {', '.join(MECHANISMS)}")
    jaas = dict(_jaas_options(settings.get("sasl.jaas.config", "")))
    user = settings.get("sasl.username", jaas.get("username"))
    password = settings.get("sasl.password", jaas.get("password"))
    if user is None or password is None:
        problems.append("no user or no password: sasl.jaas.config (Java), or sasl.username and sasl.password")
    return {"sasl_mechanism": mechanism, "sasl_plain_username": user, "sasl_plain_password": password}


def _jaas_options(line: str) -> Iterator[tuple[str, str]]:
    """The options of a JAAS line, as java.io.StreamTokenizer reads them: in either quotes, or without any."""
    for match in re.finditer(r"""(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s;"']+))""", line):
        quoted = match[2] if match[2] is not None else match[3]
        yield match[1], match[4] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)


def _tls(settings: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
    for store in ("truststore", "keystore"):
        kind = settings.get(f"ssl.{store}.type", "JKS").upper()
        if f"ssl.{store}.location" in settings and kind != "PEM":
            problems.append(f"ssl.{store}.type is {kind}, and labctl reads PEM: ssl.{store}.type=PEM with a PEM file")
    pair = settings.get("ssl.keystore.location")
    found: dict[str, Any] = {
        "ssl_cafile": settings.get("ssl.ca.location", settings.get("ssl.truststore.location")),
        "ssl_certfile": settings.get("ssl.certificate.location", pair),
        "ssl_keyfile": settings.get("ssl.key.location", pair),
        "ssl_password": settings.get("ssl.key.password"),
    }
    missing = {
        name
        for name in ("ssl_cafile", "ssl_certfile", "ssl_keyfile")
        if found[name] and not Path(found[name]).is_file()
    }
    problems += [f"there is no file {found[name]}" for name in sorted(missing)]
    algorithm = settings.get("ssl.endpoint.identification.algorithm", "https")
    return found | {"ssl_check_hostname": algorithm.lower() not in {"", "none"}}
