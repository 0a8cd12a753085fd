"""The secrets of a lab: its CA, a certificate for each node, a password for each user. In files of the state folder.

Everything lies below `<state>/secrets`, which only the lab's owner can enter. What a node needs lies in a folder of its
own, readable by whoever gets there: a container's user has another number.
"""

from __future__ import annotations

import ipaddress
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl.errors import HostError, unwritable
from labctl.fixed import ADMIN, INTER_BROKER
from labctl.plan import LabPlan, NodePlan
from labctl.render import render_template
from labctl.security import (
    MECHANISM,
    NOBODY,
    ca_file,
    client_properties,
    node_secrets,
    page_door,
    page_key_file,
    secrets_folder,
    secrets_inside,
    user_files,
)

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

VALID_DAYS = 30
RENEW_DAYS = 2  # a lab that is started with less is given new certificates
PASSWORD_BYTES = 24
GIVE_UP_SOON = "request.timeout.ms=4000\ndefault.api.timeout.ms=8000\n"


def make_credentials(plan: LabPlan, *, renew: bool) -> None:
    """Make what is missing of the lab's secrets; with `renew` new certificates too where the old ones end soon.

    Nodes that run know the old ones only. Raises HostError.
    """
    if plan.security is None:
        return
    folder = secrets_folder(plan)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        passwords = {user: _password(plan, user) for user in (INTER_BROKER, ADMIN, *plan.security.users)}
        made = [ca_file(plan), *(node_secrets(plan, node) / "node.pem" for node in plan.nodes)]
        if not all(path.is_file() for path in made) or (renew and _ends_soon(ca_file(plan))):
            _make_certificates(plan)
        for user in (ADMIN, *plan.security.users):
            files = user_files(plan, user)
            write_private(files.properties, client_properties(plan.external, user, str(files.password.parent)))
        for node in plan.nodes:
            _write_node_secrets(plan, node, passwords)
        if not page_key_file(plan).is_file():
            write_private(page_key_file(plan), secrets.token_urlsafe(PASSWORD_BYTES) + "\n")
        if plan.ui.url:
            write_private(page_door(plan), _door_page(plan))
    except OSError as error:
        raise unwritable(error.filename or folder, error, "free some space, or mend the folder") from None


def password(plan: LabPlan, user: str) -> str:
    """The password of `user`. Raises HostError where its file is gone."""
    return _secret(plan, user_files(plan, user).password, f"the password of {user}")


def page_key(plan: LabPlan) -> str | None:
    """What the lab page asks for; None in a lab without security. Raises HostError where its file is gone."""
    return _secret(plan, page_key_file(plan), "the key of the lab page") if plan.security else None


def _door_page(plan: LabPlan) -> str:
    """A page that leads a browser to the lab page and shows it the key."""
    return render_template("page/door.html.j2", lab=plan.name, address=f"{plan.ui.url}/", key=page_key(plan))


def secrets_of(plan: LabPlan) -> list[str]:
    """Every password of the lab, and the key of its page; none in a lab without security."""
    users = (INTER_BROKER, ADMIN, *plan.security.users) if plan.security else ()
    return [*(password(plan, user) for user in users), *filter(None, [page_key(plan)])]


def _secret(plan: LabPlan, path: Path, what: str) -> str:
    try:
        secret = path.read_text(encoding="utf-8").strip()
        why = "" if secret else "it is empty"
    except OSError as error:
        secret, why = "", str(error.strerror)
    if why:
        raise HostError(
            f"{path} can't be read: {why}: nobody knows {what} any more",
            f"take the lab away and make it again: labctl down --name {plan.name}",
            "secret-missing",
        )
    return secret


def library_settings(plan: LabPlan, user: str = ADMIN) -> dict[str, Any]:
    """kafka-python's settings for `user`; none in a lab without security."""
    if plan.security is None:
        return {}
    return {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": MECHANISM,
        "sasl_plain_username": user,
        "sasl_plain_password": password(plan, user),
        "ssl_cafile": str(ca_file(plan)),
    }


def _password(plan: LabPlan, user: str) -> str:
    path = user_files(plan, user).password
    if not path.is_file():
        write_private(path, secrets.token_urlsafe(PASSWORD_BYTES) + "\n")
        # FileConfigProvider reads properties, so that Java's clients need no password in their own file
        write_private(user_files(plan, user).provider, f"password={password(plan, user)}\n")
    return password(plan, user)


def _write_node_secrets(plan: LabPlan, node: NodePlan, passwords: dict[str, str]) -> None:
    """What the node itself and the tools inside it need, besides its certificate."""
    folder = node_secrets(plan, node)
    users = [ADMIN, *(plan.security.users if plan.security else ())]
    scram = [f"--add-scram={MECHANISM}=[name={user},password={passwords[user]}]" for user in (INTER_BROKER, *users)]
    texts = {
        "passwords.properties": f"{INTER_BROKER}={passwords[INTER_BROKER]}\n",
        "format.args": "".join(f"{line}\n" for line in scram),
        f"{NOBODY}.properties": client_properties("", None, secrets_inside(plan, node)) + GIVE_UP_SOON,
    }
    for user in users:
        texts[f"{user}.properties"] = client_properties("", user, secrets_inside(plan, node))
        texts[f"{user}.provider.properties"] = f"password={passwords[user]}\n"
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o644)


def _make_certificates(plan: LabPlan) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    now = datetime.now(UTC)

    def certificate(name: str, public_key: Any, issuer: x509.Name | None) -> x509.CertificateBuilder:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer or subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=VALID_DAYS))
        )

    ca_key = ec.generate_private_key(ec.SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    ca = (
        certificate(f"labctl CA of {plan.name}", ca_key.public_key(), None)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(ca=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    ca_pem = _pem(ca)
    for node in plan.nodes:
        key = ec.generate_private_key(ec.SECP256R1())
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        own = (
            certificate(node.name, key.public_key(), ca.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(x509.SubjectAlternativeName(_names(plan, node)), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
            .sign(ca_key, hashes.SHA256())
        )
        # Kafka reads PKCS#8 alone: `BEGIN EC PRIVATE KEY` fails
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        folder = node_secrets(plan, node)
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        for name, text in {"node.pem": secret + _pem(own) + ca_pem, "ca.pem": ca_pem}.items():
            (folder / name).write_text(text, encoding="utf-8")
            (folder / name).chmod(0o644)
    # last: it says that all others are there. The CA's own key is kept nowhere
    write_private(ca_file(plan), ca_pem)


def _usage(*, ca: bool) -> Any:
    from cryptography.x509 import KeyUsage

    return KeyUsage(
        digital_signature=True,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _names(plan: LabPlan, node: NodePlan) -> list[Any]:
    """Every name and address under which clients reach the node."""
    from cryptography.x509 import DNSName, IPAddress

    hosts = {"localhost", "127.0.0.1", node.name, node.address, plan.bind}
    hosts |= {one.advertised.rpartition(":")[0] for one in node.listeners if one.advertised}
    names: list[Any] = []
    for host in sorted(hosts):
        try:
            names.append(IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(DNSName(host))
    return names


def _pem(certificate: Certificate) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM).decode()


def _ends_soon(ca: Path) -> bool:
    from cryptography.x509 import load_pem_x509_certificate

    end = load_pem_x509_certificate(ca.read_bytes()).not_valid_after_utc
    return end < datetime.now(UTC) + timedelta(days=RENEW_DAYS)


def write_private(path: Path, text: str) -> None:
    """Nobody else may read it, and it is whole or not there."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
