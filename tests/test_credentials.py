import json
import ssl
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from ruamel.yaml import YAML

from labctl.errors import HostError, SpecError
from labctl.kafka import certificates
from labctl.kafka.broker_settings import node_settings
from labctl.kafka.client_settings import ENV_FORMATS, client_settings
from labctl.kafka.credentials import library_settings, make_credentials, password
from labctl.kafka.security_settings import host_secrets, secrets_folder, user_files
from tests.fakes import IDENTITY, a_plan

SECURE = "security: {protocol: sasl_ssl}\nlisteners: {external: {advertise: kafka.example.org}}\n"


@pytest.fixture
def plan(tmp_path):
    return a_plan(SECURE, identity=replace(IDENTITY, state=str(tmp_path)))


def test_a_plaintext_lab_has_no_secrets(tmp_path):
    """No file is created, and a client needs no settings."""
    plain = a_plan("", identity=replace(IDENTITY, state=str(tmp_path / "state")))
    make_credentials(plain, renew=True)
    assert not (tmp_path / "state").exists()
    assert library_settings(plain) == {}


def test_a_node_s_certificate_has_every_name_that_clients_use(plan):
    """localhost, the internal and the advertised name; signed by the lab's own CA, valid for 30 days."""
    from cryptography import x509

    make_credentials(plan, renew=True)
    text = (host_secrets(plan, plan.nodes[0]) / "node.pem").read_bytes()
    certificate, ca = x509.load_pem_x509_certificates(text)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {"localhost", "broker", "kafka.example.org"}
    assert {str(address) for address in names.get_values_for_type(x509.IPAddress)} == {"127.0.0.1", "127.77.1.1"}
    certificate.verify_directly_issued_by(ca)
    assert timedelta(days=29) < certificate.not_valid_after_utc - datetime.now(UTC) <= timedelta(days=30)
    assert b"BEGIN PRIVATE KEY" in text
    ssl.create_default_context(cafile=str(secrets_folder(plan) / "ca.pem"))


def test_secrets_are_kept_and_renewed_in_time(plan, monkeypatch):
    """Secrets stay the same. Certificates that expire soon are created again where no node runs with them."""
    make_credentials(plan, renew=True)
    first = {path: path.read_text() for path in secrets_folder(plan).rglob("*") if path.is_file()}
    make_credentials(plan, renew=True)
    assert {path: path.read_text() for path in first} == first
    monkeypatch.setattr(certificates, "RENEW_DAYS", 31)
    make_credentials(plan, renew=False)
    assert {path: path.read_text() for path in first} == first
    make_credentials(plan, renew=True)
    changed = {path.name for path, text in first.items() if path.read_text() != text}
    assert changed == {"ca.pem", "node.pem"}


def test_only_the_owner_reads_a_password(plan):
    """Files have mode 0600, their folder 0700. The error for a lost password names it."""
    make_credentials(plan, renew=True)
    files = user_files(plan, "student")
    assert stat.S_IMODE(secrets_folder(plan).stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (files.password, files.provider)} == {0o600}
    files.password.unlink()
    with pytest.raises(HostError, match="the password of student is lost"):
        password(plan, "student")


def test_a_client_in_another_container():
    """It gets the internal addresses and the network to join: as comments, in JSON as a key."""
    plan = a_plan("name: other\n", runtime="compose")
    for form in ENV_FORMATS:
        text = client_settings(plan, form, place="container")
        assert "broker:9092" in text
        assert "localhost" not in text
        assert "labctl-other" in text
    assert json.loads(client_settings(plan, "json", place="container"))["network"] == "labctl-other"
    assert "labctl-other" not in client_settings(plan, "shell")


def test_a_client_of_a_secure_lab_in_another_container(plan):
    """A comment says to mount the files. The complete configuration with the host's addresses is not among them."""
    make_credentials(plan, renew=True)
    text = client_settings(replace(plan, network="labctl-lab"), "shell", place="container")
    assert "mount them into the container" in text
    assert "KAFKA_CLIENT_PROPERTIES" not in text
    assert "KAFKA_SSL_CA_LOCATION" in text


def test_a_service_to_paste(plan):
    """YAML for Compose: the internal addresses, the network of the lab, the files of the login at the same paths."""
    service = YAML(typ="safe").load(client_settings(a_plan("name: other\n", runtime="compose"), "", place="compose"))
    assert service["services"]["app"]["environment"]["KAFKA_BOOTSTRAP_SERVERS"] == "broker:9092"
    assert service["services"]["app"]["networks"] == ["labctl-other"]
    assert service["networks"] == {"labctl-other": {"external": True}}
    assert "volumes" not in service["services"]["app"]
    make_credentials(plan, renew=True)
    text = client_settings(replace(plan, network="labctl-lab"), "", place="compose")
    app = YAML(typ="safe").load(text)["services"]["app"]
    for variable in ("KAFKA_SASL_PASSWORD_FILE", "KAFKA_SSL_CA_LOCATION"):
        path = app["environment"][variable]
        assert f"{path}:{path}:ro" in app["volumes"]
    assert password(plan, "student") not in text


def test_processes_have_no_network_for_containers():
    """The remedy is the same lab in Docker."""
    with pytest.raises(SpecError, match="runs as processes of this machine") as refused:
        client_settings(a_plan(), "shell", place="container")
    assert "--runtime compose" in refused.value.hint


def test_only_librdkafka_s_format_contains_a_password(plan):
    """server.properties and the other formats of `env` name the password's file."""
    make_credentials(plan, renew=True)
    secret = password(plan, "student")
    inter_broker = password(plan, "broker")
    settings = str(node_settings(plan, plan.nodes[0]))
    assert secret not in settings
    assert inter_broker not in settings
    assert {form for form in ENV_FORMATS if secret in client_settings(plan, form, None)} == {"librdkafka"}
    assert client_settings(plan, "dotenv", "admin").count("admin") > 1
