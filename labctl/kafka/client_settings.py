"""What a client on the host needs to connect, in the forms that clients read. ENV_FORMATS is the table."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

from labctl.constants import ADMIN
from labctl.errors import SpecError
from labctl.kafka.credentials import password
from labctl.kafka.java_properties import properties_text
from labctl.kafka.security_settings import ca_file, client_properties, secrets_folder, user_files
from labctl.plan.model import LabPlan


@dataclass(frozen=True, slots=True)
class Login:
    """How a client logs in to a secure lab. Secrets are named by their files."""

    user: str
    mechanism: str
    password_file: str
    ca_file: str
    properties_file: str  # the complete configuration, in Java's form


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


def client_settings(plan: LabPlan, form: str, user: str | None = None) -> str:
    """Return what a client on the host needs as `user` (default: the first one), in the form `form` of ENV_FORMATS.

    A password is named by its file, except in librdkafka's form, which can't read files. Raises SpecError, HostError.
    """
    return ENV_FORMATS[form](plan, login_as(plan, user))


def client_variables(plan: LabPlan) -> dict[str, str]:
    """Return environment variables for a program that uses the lab, as the lab's first user."""
    return _variables(plan, login_as(plan))


def _variables(plan: LabPlan, login: Login | None) -> dict[str, str]:
    variables = {"KAFKA_BOOTSTRAP_SERVERS": plan.bootstrap, "KAFKA_SECURITY_PROTOCOL": _protocol(plan)}
    if login:
        variables |= {
            "KAFKA_SASL_MECHANISM": login.mechanism,
            "KAFKA_SASL_USERNAME": login.user,
            "KAFKA_SASL_PASSWORD_FILE": login.password_file,
            "KAFKA_SSL_CA_LOCATION": login.ca_file,
            "KAFKA_CLIENT_PROPERTIES": login.properties_file,
        }
    return variables


def _protocol(plan: LabPlan) -> str:
    return plan.brokers[0].listener("EXTERNAL").protocol


def _shell(plan: LabPlan, login: Login | None) -> str:
    lines = [f"export {key}={shlex.quote(value)}" for key, value in _variables(plan, login).items()]
    if login:
        lines.append('export KAFKA_SASL_PASSWORD="$(cat "$KAFKA_SASL_PASSWORD_FILE")"')
    return "".join(f"{line}\n" for line in lines)


def _dotenv(plan: LabPlan, login: Login | None) -> str:
    return _lines(_variables(plan, login))


def _json(plan: LabPlan, login: Login | None) -> str:
    settings = {"bootstrap.servers": plan.bootstrap, "security.protocol": _protocol(plan)}
    if login:
        settings |= _sasl(login) | {"sasl.password.file": login.password_file, "ssl.ca.location": login.ca_file}
    return json.dumps(settings, indent=2) + "\n"


def _properties(plan: LabPlan, login: Login | None) -> str:
    if login is None or plan.security is None:
        return properties_text({"bootstrap.servers": plan.bootstrap, "security.protocol": _protocol(plan)})
    return client_properties(plan.security, plan.bootstrap, login.user, str(secrets_folder(plan)))


def _librdkafka(plan: LabPlan, login: Login | None) -> str:
    settings = {"bootstrap.servers": plan.bootstrap, "security.protocol": _protocol(plan).lower()}
    if login:
        settings |= _sasl(login) | {"sasl.password": password(plan, login.user), "ssl.ca.location": login.ca_file}
    return _lines(settings)


def _sasl(login: Login) -> dict[str, str]:
    return {"sasl.mechanism": login.mechanism, "sasl.username": login.user}


def _lines(settings: dict[str, str]) -> str:
    return "".join(f"{key}={value}\n" for key, value in settings.items())


ENV_FORMATS = {
    "shell": _shell,
    "dotenv": _dotenv,
    "json": _json,
    "properties": _properties,
    "librdkafka": _librdkafka,
}
