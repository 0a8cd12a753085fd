"""What a client on the host needs to connect, in the forms that clients read."""

from __future__ import annotations

import json
import shlex

from labctl.credentials import password
from labctl.errors import SpecError
from labctl.fixed import ADMIN
from labctl.plan import LabPlan
from labctl.properties import properties_text
from labctl.security import MECHANISM, client_properties, secrets_folder, user_files


def client_settings(plan: LabPlan, form: str, user: str | None) -> str:
    """What a client on the host needs, in the form that it reads; as `user` (default: the lab's first one).

    A password is told by its file in every form but librdkafka's, which knows no way to read one. Raises SpecError.
    """
    return ENV_FORMATS[form](plan, chosen_user(plan, user))


def chosen_user(plan: LabPlan, user: str | None) -> str | None:
    """Who logs in: `user`, else the lab's first one; None in a plaintext lab. Raises SpecError."""
    users = (*plan.security.users, ADMIN) if plan.security else ()
    if user is not None and user not in users:
        raise SpecError([f"there is no user {user}; there are {', '.join(users) or 'none: the lab is plaintext'}"])
    return user or next(iter(users), None)


def client_variables(plan: LabPlan) -> dict[str, str]:
    """Environment variables for a program that talks to the lab, as the lab's first user."""
    return _variables(plan, chosen_user(plan, None))


def _variables(plan: LabPlan, user: str | None) -> dict[str, str]:
    variables = {"KAFKA_BOOTSTRAP_SERVERS": plan.external, "KAFKA_SECURITY_PROTOCOL": _protocol(plan)}
    if user:
        variables |= {
            "KAFKA_SASL_MECHANISM": MECHANISM,
            "KAFKA_SASL_USERNAME": user,
            "KAFKA_SASL_PASSWORD_FILE": str(user_files(plan, user).password),
            "KAFKA_SSL_CA_LOCATION": str(secrets_folder(plan) / "ca.pem"),
            "KAFKA_CLIENT_PROPERTIES": str(user_files(plan, user).properties),
        }
    return variables


def _protocol(plan: LabPlan) -> str:
    return plan.brokers[0].listener("EXTERNAL").protocol


def _shell(plan: LabPlan, user: str | None) -> str:
    lines = [f"export {key}={shlex.quote(value)}" for key, value in _variables(plan, user).items()]
    if user:
        lines.append('export KAFKA_SASL_PASSWORD="$(cat "$KAFKA_SASL_PASSWORD_FILE")"')
    return "".join(f"{line}\n" for line in lines)


def _dotenv(plan: LabPlan, user: str | None) -> str:
    return "".join(f"{key}={value}\n" for key, value in _variables(plan, user).items())


def _json(plan: LabPlan, user: str | None) -> str:
    settings = {"bootstrap.servers": plan.external, "security.protocol": _protocol(plan)}
    if user:
        settings |= {
            "sasl.mechanism": MECHANISM,
            "sasl.username": user,
            "sasl.password.file": str(user_files(plan, user).password),
            "ssl.ca.location": str(secrets_folder(plan) / "ca.pem"),
        }
    return json.dumps(settings, indent=2) + "\n"


def _properties(plan: LabPlan, user: str | None) -> str:
    if user is None:
        return properties_text({"bootstrap.servers": plan.external, "security.protocol": _protocol(plan)})
    return client_properties(plan.external, user, str(secrets_folder(plan)))


def _librdkafka(plan: LabPlan, user: str | None) -> str:
    settings = {"bootstrap.servers": plan.external, "security.protocol": _protocol(plan).lower()}
    if user:
        settings |= {
            "sasl.mechanism": MECHANISM,
            "sasl.username": user,
            "sasl.password": password(plan, user),
            "ssl.ca.location": str(secrets_folder(plan) / "ca.pem"),
        }
    return "".join(f"{key}={value}\n" for key, value in settings.items())


ENV_FORMATS = {
    "shell": _shell,
    "dotenv": _dotenv,
    "json": _json,
    "properties": _properties,
    "librdkafka": _librdkafka,
}
