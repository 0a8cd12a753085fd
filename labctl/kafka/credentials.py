"""The secrets of a lab: its certificates, and a password for each user. In files of the state folder.

Everything is below `<state>/secrets`, which only the lab's owner can enter. What a node needs is in a folder of its
own, readable by everybody who can enter that: a container's user has another uid.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labctl.constants import ADMIN, INTER_BROKER
from labctl.errors import HostError
from labctl.kafka.certificates import expires_soon, make_certificates, write_readable
from labctl.kafka.security_settings import (
    ANONYMOUS_CLIENT,
    ca_file,
    client_properties,
    host_secrets,
    secrets_folder,
    user_files,
)
from labctl.plan.model import LabPlan, NodePlan, SecurityPlan
from labctl.system.files import file_errors, write_private

PASSWORD_BYTES = 24
SHORT_TIMEOUTS = "request.timeout.ms=4000\ndefault.api.timeout.ms=8000\n"  # of the client that must be rejected


def make_credentials(plan: LabPlan, *, renew: bool) -> None:
    """Create the missing secrets of the lab; with `renew` new certificates too where the old certificates expire soon.

    Running nodes have only the old certificates. Raises HostError where a file can't be written.
    """
    if plan.security is None:
        return
    folder = secrets_folder(plan)
    with file_errors(folder, "free some space, or fix the folder"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        passwords = {user: _create_password(plan, user) for user in plan.security.every_user}
        created = [ca_file(plan), *(host_secrets(plan, node) / "node.pem" for node in plan.nodes)]
        if not all(path.is_file() for path in created) or (renew and expires_soon(ca_file(plan))):
            make_certificates(plan)
        for user in (ADMIN, *plan.security.users):
            files = user_files(plan, user)
            text = client_properties(plan.security, plan.bootstrap, user, str(files.password.parent))
            write_private(files.properties, text)
        for node in plan.nodes:
            _write_node_secrets(plan.security, node, host_secrets(plan, node), passwords)


def password(plan: LabPlan, user: str) -> str:
    """Return the password of `user`. Raises HostError where its file can't be read."""
    return read_secret(plan, user_files(plan, user).password, f"the password of {user}")


def passwords(plan: LabPlan) -> dict[str, str]:
    """Return {user: password} of every user of the lab; none where no login is required. Raises HostError."""
    return {user: password(plan, user) for user in plan.security.every_user} if plan.security else {}


def secrets_of(plan: LabPlan) -> list[str]:
    """Return every password of the lab; none where no login is required. Raises HostError."""
    return list(passwords(plan).values())


def read_secret(plan: LabPlan, path: Path, what: str) -> str:
    """Return the secret in a file; `what` it is for messages. Raises HostError where it can't be read."""
    try:
        secret = path.read_text(encoding="utf-8").strip()
        why = "" if secret else "it is empty"
    except OSError as error:
        secret, why = "", str(error.strerror)
    if why:
        raise HostError(
            f"{path} can't be read ({why}): {what} is lost",
            f"remove the lab and create it again: labctl down --name {plan.name}",
            "secret-missing",
        )
    return secret


def library_settings(plan: LabPlan, user: str = ADMIN) -> dict[str, Any]:
    """Return kafka-python's settings for `user`; none where no login is required. Raises HostError."""
    if plan.security is None:
        return {}
    return login_settings(plan.security, ca_file(plan), user, password(plan, user))


def login_settings(security: SecurityPlan, ca: Path, user: str, secret: str) -> dict[str, Any]:
    """Return kafka-python's settings for a login as `user` with the password `secret`."""
    return {
        "security_protocol": security.profile.client_protocol,
        "sasl_mechanism": security.mechanism,
        "sasl_plain_username": user,
        "sasl_plain_password": secret,
        "ssl_cafile": str(ca),
    }


def _create_password(plan: LabPlan, user: str) -> str:
    path = user_files(plan, user).password
    if not path.is_file():
        write_private(path, secrets.token_urlsafe(PASSWORD_BYTES) + "\n")
        # FileConfigProvider reads properties, so that Java's clients need no password in their own file
        write_private(user_files(plan, user).provider, f"password={password(plan, user)}\n")
    return password(plan, user)


def _write_node_secrets(security: SecurityPlan, node: NodePlan, folder: Path, passwords: Mapping[str, str]) -> None:
    """Write what the node itself and the tools inside it need, beside its certificate."""
    users = [ADMIN, *security.users]
    scram = [
        f"--add-scram={security.mechanism}=[name={user},password={passwords[user]}]" for user in (INTER_BROKER, *users)
    ]
    texts = {
        "passwords.properties": f"{INTER_BROKER}={passwords[INTER_BROKER]}\n",
        "format.args": "".join(f"{line}\n" for line in scram),
        f"{ANONYMOUS_CLIENT}.properties": client_properties(security, "", None, node.secrets_folder) + SHORT_TIMEOUTS,
    }
    for user in users:
        texts[f"{user}.properties"] = client_properties(security, "", user, node.secrets_folder)
        texts[f"{user}.provider.properties"] = f"password={passwords[user]}\n"
    for name, text in texts.items():
        write_readable(folder / name, text)
