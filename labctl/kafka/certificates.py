"""The lab's own CA, and a certificate for each node."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl.kafka.security_settings import ca_file, host_secrets
from labctl.plan.model import LabPlan, NodePlan
from labctl.system.files import write_private

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

VALID_DAYS = 30
RENEW_DAYS = 2  # a lab that starts with less receives new certificates


def write_readable(path: Path, text: str) -> None:
    """Write a file that everybody who can enter its folder can read. Raises OSError."""
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)


def make_certificates(plan: LabPlan) -> None:
    """Create a CA and a certificate for each node, in place of earlier certificates.

    The CA's key is not kept. Raises OSError.
    """
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
        certificate_of_node = (
            certificate(node.name, key.public_key(), ca.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(x509.SubjectAlternativeName(_names(plan, node)), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
            .sign(ca_key, hashes.SHA256())
        )
        # Kafka reads PKCS#8 only: `BEGIN EC PRIVATE KEY` fails
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        folder = host_secrets(plan, node)
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        for name, text in {"node.pem": secret + _pem(certificate_of_node) + ca_pem, "ca.pem": ca_pem}.items():
            write_readable(folder / name, text)
    # last: where this file exists, all others do
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
    """Every name and address by which clients reach the node."""
    from cryptography.x509 import DNSName, IPAddress

    hosts = {"localhost", "127.0.0.1", node.name, node.address, plan.bind}
    if node.place:
        hosts.add(node.place.address)
    hosts |= {listener.advertised.rpartition(":")[0] for listener in node.listeners if listener.advertised}
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


def expires_soon(ca: Path) -> bool:
    """Return whether a certificate expires within RENEW_DAYS. Raises OSError."""
    from cryptography.x509 import load_pem_x509_certificate

    end = load_pem_x509_certificate(ca.read_bytes()).not_valid_after_utc
    return end < datetime.now(UTC) + timedelta(days=RENEW_DAYS)
