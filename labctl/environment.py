"""What a client on the host needs to connect, in the forms that clients read."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

from labctl.credentials import password
from labctl.errors import SpecError
from labctl.fixed import ADMIN
from labctl.plan import LabPlan
from labctl.properties import properties_text
from labctl.security import MECHANISM, ca_file, client_properties, secrets_folder, user_files


@dataclass(frozen=True, slots=True)
class Login:
    """How a client gets into a secure lab; what is secret by the name of its file."""

    user: str
    mechanism: str
    password_file: str
    ca_file: str
    properties_file: str  # all of it in Java's form


def login_as(plan: LabPlan, user: str | None = None) -> Login | None:
    """How `user` gets in, by default the lab's first one; None in a plaintext lab. Raises SpecError."""
    users = (*plan.security.users, ADMIN) if plan.security else ()
    if user is not None and user not in users:
        raise SpecError([f"there is no user {user}; there are {', '.join(users) or 'none: the lab is plaintext'}"])
    if not users:
        return None
    chosen = user or users[0]
    files = user_files(plan, chosen)
    return Login(chosen, MECHANISM, str(files.password), str(ca_file(plan)), str(files.properties))


def client_settings(plan: LabPlan, form: str, user: str | None = None) -> str:
    """What a client on the host needs, in the form that it reads; as `user` (default: the lab's first one).

    A password is told by its file in every form but librdkafka's, which knows no way to read one. Raises SpecError.
    """
    return ENV_FORMATS[form](plan, login_as(plan, user))


def client_variables(plan: LabPlan) -> dict[str, str]:
    """Environment variables for a program that talks to the lab, as the lab's first user."""
    return _variables(plan, login_as(plan))


def _variables(plan: LabPlan, login: Login | None) -> dict[str, str]:
    variables = {"KAFKA_BOOTSTRAP_SERVERS": plan.external, "KAFKA_SECURITY_PROTOCOL": _protocol(plan)}
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
    return "".join(f"{key}={value}\n" for key, value in _variables(plan, login).items())


def _json(plan: LabPlan, login: Login | None) -> str:
    settings = {"bootstrap.servers": plan.external, "security.protocol": _protocol(plan)}
    if login:
        settings |= {
            "sasl.mechanism": login.mechanism,
            "sasl.username": login.user,
            "sasl.password.file": login.password_file,
            "ssl.ca.location": login.ca_file,
        }
    return json.dumps(settings, indent=2) + "\n"


def _properties(plan: LabPlan, login: Login | None) -> str:
    if login is None:
        return properties_text({"bootstrap.servers": plan.external, "security.protocol": _protocol(plan)})
    return client_properties(plan.external, login.user, str(secrets_folder(plan)))


def _librdkafka(plan: LabPlan, login: Login | None) -> str:
    settings = {"bootstrap.servers": plan.external, "security.protocol": _protocol(plan).lower()}
    if login:
        settings |= {
            "sasl.mechanism": login.mechanism,
            "sasl.username": login.user,
            "sasl.password": password(plan, login.user),
            "ssl.ca.location": login.ca_file,
        }
    return "".join(f"{key}={value}\n" for key, value in settings.items())


ENV_FORMATS = {
    "shell": _shell,
    "dotenv": _dotenv,
    "json": _json,
    "properties": _properties,
    "librdkafka": _librdkafka,
}
