"""What a client on the host or in another container needs to connect. ENV_FORMATS has the forms that clients read."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from labctl.constants import ADMIN
from labctl.errors import SpecError
from labctl.kafka.credentials import password
from labctl.kafka.java_properties import properties_text
from labctl.kafka.security_settings import ca_file, client_properties, secrets_folder, user_files
from labctl.plan.model import LabPlan
from labctl.service_kinds import SERVICES

HOST, COMPOSE = "host", "compose"  # of PLACES


@dataclass(frozen=True, slots=True)
class Login:
    """How a client logs in to a secure lab. Secrets are named by their files."""

    user: str
    mechanism: str
    password_file: str
    ca_file: str
    properties_file: str  # the complete configuration, in Java's form


@dataclass(frozen=True, slots=True)
class ClientPlace:
    """Where a client runs: the brokers' addresses there, and the engine's network that it must join ("": the host)."""

    bootstrap: str
    network: str = ""


def login_as(plan: LabPlan, user: str | None = None) -> Login | None:
    """Return how `user` logs in (default: the lab's first user); None where no login is required.

    Raises SpecError where the lab has no such user.
    """
    security = plan.security
    users = (*security.users, ADMIN) if security else ()
    if user is not None and user not in users:
        raise SpecError([f"there is no user {user}; there are {', '.join(users) or 'none: the lab is plaintext'}"])
    if security is None:
        return None
    chosen = user or users[0]
    files = user_files(plan, chosen)
    return Login(chosen, security.mechanism, str(files.password), str(ca_file(plan)), str(files.properties))


def client_settings(plan: LabPlan, form: str, user: str | None = None, place: str = HOST) -> str:
    """Return what a client needs as `user` (default: the first one), in the form `form` of ENV_FORMATS.

    `place` of PLACES is where the client runs; for a Compose service the form is Compose's. A password is named by its
    file, except in librdkafka's form, which can't read files. Raises SpecError, HostError.
    """
    login, found = login_as(plan, user), PLACES[place](plan)
    return _compose_service(plan, login, found) if place == COMPOSE else ENV_FORMATS[form](plan, login, found)


def client_variables(plan: LabPlan) -> dict[str, str]:
    """Return environment variables for a program on the host that uses the lab, as the lab's first user."""
    return _variables(plan, login_as(plan), _on_host(plan))


def _on_host(plan: LabPlan) -> ClientPlace:
    return ClientPlace(plan.bootstrap)


def _in_container(plan: LabPlan) -> ClientPlace:
    if not plan.network:
        raise SpecError(
            [f"the lab {plan.name} runs as processes of this machine: there is no network for other containers"],
            f"create it in Docker: labctl down --name {plan.name}, then labctl up --runtime compose",
        )
    return ClientPlace(plan.internal_bootstrap, plan.network)


PLACES = {HOST: _on_host, "container": _in_container, COMPOSE: _in_container}


def _variables(plan: LabPlan, login: Login | None, place: ClientPlace) -> dict[str, str]:
    variables = {"KAFKA_BOOTSTRAP_SERVERS": place.bootstrap, "KAFKA_SECURITY_PROTOCOL": _protocol(plan)}
    if login:
        variables |= {
            "KAFKA_SASL_MECHANISM": login.mechanism,
            "KAFKA_SASL_USERNAME": login.user,
            "KAFKA_SASL_PASSWORD_FILE": login.password_file,
            "KAFKA_SSL_CA_LOCATION": login.ca_file,
        }
        if not place.network:  # it has the addresses of the host
            variables["KAFKA_CLIENT_PROPERTIES"] = login.properties_file
    return variables | service_variables(plan, inside=bool(place.network))


def service_variables(plan: LabPlan, *, inside: bool) -> dict[str, str]:
    """Return environment variables with the addresses of the lab's services, for a container on its network or not."""
    variables = {}
    for service in plan.services:
        kind, url = SERVICES[service.kind], service.inner_url if inside else service.url
        variables[kind.variable] = url
        variables |= {name: f"{url.removesuffix(service.path)}{path}" for name, path in kind.other_paths}
        if service.curl_file:
            variables[f"{kind.variable.removesuffix('_URL')}_CURL_CONFIG"] = service.curl_file
    return variables


def _protocol(plan: LabPlan) -> str:
    return plan.brokers[0].listener("EXTERNAL").protocol  # the internal listener has the same


def _comments(login: Login | None, place: ClientPlace) -> str:
    """The lines that say what a container needs besides settings; "" for a client on the host."""
    if not place.network:
        return ""
    network = place.network
    lines = [
        f"for a container on the network {network}: docker run --network {network} IMAGE",
        "in a Compose file: labctl env --from compose",
        f'in devcontainer.json: "runArgs": ["--network", "{network}"]',
    ]
    if login:
        lines.append("the files are on this machine: mount them into the container, at the same paths")
    return "".join(f"# {line}\n" for line in lines)


def _shell(plan: LabPlan, login: Login | None, place: ClientPlace) -> str:
    lines = [f"export {key}={shlex.quote(value)}" for key, value in _variables(plan, login, place).items()]
    if login:
        lines.append('export KAFKA_SASL_PASSWORD="$(cat "$KAFKA_SASL_PASSWORD_FILE")"')
    return _comments(login, place) + _lines(lines)


def _dotenv(plan: LabPlan, login: Login | None, place: ClientPlace) -> str:
    return _comments(login, place) + _key_values(_variables(plan, login, place))


def _json(plan: LabPlan, login: Login | None, place: ClientPlace) -> str:
    settings = {"bootstrap.servers": place.bootstrap, "security.protocol": _protocol(plan)}
    if login:
        settings |= _sasl(login) | {"sasl.password.file": login.password_file, "ssl.ca.location": login.ca_file}
    registry = plan.service("schema_registry")
    if registry:
        settings["schema.registry.url"] = registry.inner_url if place.network else registry.url
    network = {"network": place.network} if place.network else {}
    return json.dumps(settings | network, indent=2) + "\n"


def _properties(plan: LabPlan, login: Login | None, place: ClientPlace) -> str:
    if login is None or plan.security is None:
        text = properties_text({"bootstrap.servers": place.bootstrap, "security.protocol": _protocol(plan)})
    else:
        text = client_properties(plan.security, place.bootstrap, login.user, str(secrets_folder(plan)))
    return _comments(login, place) + text


def _librdkafka(plan: LabPlan, login: Login | None, place: ClientPlace) -> str:
    return _comments(login, place) + _key_values(_librdkafka_settings(plan, login, place.bootstrap))


def librdkafka_settings(plan: LabPlan) -> dict[str, str]:
    """Return librdkafka's settings for labctl itself, which logs in as ADMIN.

    Raises HostError where the password can't be read; SpecError as `login_as`.
    """
    return _librdkafka_settings(plan, login_as(plan, ADMIN) if plan.security else None, plan.host_bootstrap())


def _librdkafka_settings(plan: LabPlan, login: Login | None, bootstrap: str) -> dict[str, str]:
    settings = {"bootstrap.servers": bootstrap, "security.protocol": _protocol(plan).lower()}
    if login:
        settings |= _sasl(login) | {"sasl.password": password(plan, login.user), "ssl.ca.location": login.ca_file}
    return settings


def _compose_service(plan: LabPlan, login: Login | None, place: ClientPlace) -> str:
    """A service to paste into a docker-compose.yml. Values are in quotes, as JSON and YAML both have them."""
    variables = _variables(plan, login, place).items()
    secrets = [login.password_file, login.ca_file] if login else []
    mounts = [f"      - {json.dumps(f'{path}:{path}:ro')}" for path in secrets]
    return _lines(
        [
            f"# a service that uses the lab {plan.name}: name your image in place of IMAGE",
            "services:",
            "  app:",
            "    image: IMAGE",
            "    environment:",
            *(f"      {key}: {json.dumps(value)}" for key, value in variables),
            *(["    volumes:", *mounts] if mounts else []),
            f"    networks: [{place.network}]",
            "networks:",
            f"  {place.network}: {{external: true}}",
        ]
    )


def _sasl(login: Login) -> dict[str, str]:
    return {"sasl.mechanism": login.mechanism, "sasl.username": login.user}


def _key_values(settings: dict[str, str]) -> str:
    return _lines([f"{key}={value}" for key, value in settings.items()])


def _lines(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


ENV_FORMATS = {
    "shell": _shell,
    "dotenv": _dotenv,
    "json": _json,
    "properties": _properties,
    "librdkafka": _librdkafka,
}
