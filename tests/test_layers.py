"""Each layer between a client and a Kafka fails with its own name, its cause and a remedy."""

import struct

import pytest

from labctl.diagnostics import this_machine
from labctl.diagnostics.layers import examine
from labctl.diagnostics.this_machine import ThisMachine
from labctl.kafka.link import Login
from labctl.kafka.wire import (
    METADATA,
    SASL_AUTHENTICATE,
    SASL_HANDSHAKE,
    WireError,
    read_mechanisms,
    read_metadata,
    response_body,
    response_length,
)
from tests.certificates import certificate
from tests.fake_kafka import FakeKafka, closed_port, listening

PLAIN = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN", "sasl_plain_username": "class"}


def found(address, **settings):
    """(layer, cause) of the first layer that fails from this machine, or None; and all results."""
    examination = examine(ThisMachine(Login(settings)), [address])
    failed = examination.failed
    return (failed.layer, failed.detail) if failed else None


def test_a_kafka_that_works():
    """All layers pass, without asking for any topic; those that the client does not use are left out."""
    kafka = FakeKafka()
    with listening(kafka) as address:
        examination = examine(ThisMachine(Login({})), [address])
    layers = [(result.layer, result.status) for result in examination.results]
    assert layers == [(layer, "passed") for layer in ("name", "tcp", "kafka", "metadata", "advertised", "identity")]
    assert examination.metadata.brokers == {1: address}
    assert kafka.topics_asked == [0]


def test_a_name_that_nobody_knows():
    """Layer `name`."""
    layer, cause = found("kafka.invalid:9092")
    assert (layer, cause) == ("name", "the name kafka.invalid can't be resolved")


def test_a_port_where_nothing_listens():
    """Layer `tcp`."""
    with closed_port() as port:
        failed = found(f"localhost:{port}")
    assert failed == ("tcp", f"nothing listens on port {port} of localhost")


def test_a_program_that_never_responds(monkeypatch):
    """Layer `kafka`: the connection is accepted, and that is all."""
    monkeypatch.setattr(this_machine, "SECONDS", 0.3)
    with listening(FakeKafka(silent=True)) as address:
        assert found(address) == ("kafka", "no response")


@pytest.mark.parametrize("garbage", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\0\0\x08\0\0\0\x63abcd"])
def test_a_program_that_is_not_kafka(garbage):
    """Layer `kafka`: another protocol, or a response to another request."""
    with listening(FakeKafka(garbage=garbage)) as address:
        assert found(address) == ("kafka", "the response is not Kafka's")


def test_tls_that_the_client_does_not_use(tmp_path):
    """Layer `tls`, from a client without TLS."""
    with listening(FakeKafka(certificate=certificate(tmp_path, "a"))) as address:
        assert found(address) == ("tls", "the listener uses TLS, and the client does not")


def test_tls_that_the_listener_does_not_use():
    """Layer `tls`, from a client with TLS."""
    with listening(FakeKafka()) as address:
        assert found(address, security_protocol="SSL") == ("tls", "the listener does not use TLS, and the client does")


@pytest.mark.parametrize(
    ("made", "trusted", "expected"),
    [
        ({}, "other", "self-signed certificate"),
        ({"host": "broker"}, "own", "Hostname mismatch"),
        ({"days": -1}, "own", "certificate has expired"),
        ({}, "own", None),
    ],
)
def test_certificates(tmp_path, made, trusted, expected):
    """An unknown CA, another name, an expired one; and one that is accepted."""
    own = certificate(tmp_path, "own", **made)
    ca = own if trusted == "own" else certificate(tmp_path, "other")
    with listening(FakeKafka(certificate=own)) as address:
        failed = found(address, security_protocol="SSL", ssl_cafile=ca)
    assert failed is None if expected is None else (failed[0] == "tls" and expected in failed[1]), failed


def test_a_client_certificate_that_is_missing(tmp_path):
    """Layer `tls`: TLS 1.3 reports it after the handshake, or not at all to a client that has sent something."""
    own = certificate(tmp_path, "own")
    with listening(FakeKafka(certificate=own, client_ca=own)) as address:
        layer, cause = found(address, security_protocol="SSL", ssl_cafile=own)
    assert (layer, "client certificate" in cause) == ("tls", True)


def test_a_login_that_the_client_does_not_bring():
    """Layer `login`: the mechanisms are named."""
    with listening(FakeKafka(mechanisms=("PLAIN", "SCRAM-SHA-512"), password="right")) as address:
        layer, cause = found(address)
    assert (layer, cause) == (
        "login",
        "the listener requires a login (PLAIN, SCRAM-SHA-512), and the client brings none",
    )


def test_a_wrong_password_and_a_right_one():
    """Layer `login`, in the broker's own words."""
    with listening(FakeKafka(mechanisms=("PLAIN",), password="right")) as address:
        assert found(address, **PLAIN, sasl_plain_password="wrong") == (
            "login",
            "Authentication failed: Invalid username or password",
        )
        assert found(address, **PLAIN, sasl_plain_password="right") is None


def test_a_mechanism_that_the_listener_does_not_have():
    """Layer `login`."""
    with listening(FakeKafka(mechanisms=("SCRAM-SHA-512",), password="x")) as address:
        layer, cause = found(address, **PLAIN, sasl_plain_password="x")
    assert (layer, cause) == ("login", "the listener offers SCRAM-SHA-512, and the client wants PLAIN")


def test_a_login_that_nobody_asked_for():
    """Layer `login`: the listener is PLAINTEXT."""
    with listening(FakeKafka()) as address:
        layer, cause = found(address, **PLAIN, sasl_plain_password="x")
    assert (layer, cause) == ("login", "the listener requires no login, and the client brings one")


@pytest.mark.parametrize(
    ("kafka", "cause"),
    [
        (FakeKafka(brokers={}), "no broker is registered"),
        (FakeKafka(controller=-1), "the cluster has no controller"),
    ],
)
def test_a_cluster_that_does_not_work(kafka, cause):
    """Layer `metadata`: what the broker says of its cluster."""
    with listening(kafka) as address:
        assert found(address) == ("metadata", cause)


def test_advertised_addresses_that_lead_nowhere():
    """Layer `advertised`: a name, and a port; all are named."""
    brokers = {1: ("kafka.invalid", 9092)}
    with closed_port() as port, listening(FakeKafka(brokers=brokers | {2: ("localhost", port)})) as address:
        layer, cause = found(address)
    assert layer == "advertised"
    assert "broker 1 sends clients to kafka.invalid:9092, and the name kafka.invalid can't be resolved" in cause
    assert f"broker 2 sends clients to localhost:{port}: nothing listens" in cause


def test_another_cluster_at_the_advertised_address():
    """Layer `identity`: the ids of both."""
    other = FakeKafka(cluster="cluster-b")
    with listening(other), listening(FakeKafka(brokers={1: ("localhost", other.port)})) as address:
        layer, cause = found(address)
    assert layer == "identity"
    assert f"{address} is cluster cluster-a, and localhost:{other.port} belongs to cluster cluster-b" in cause


def test_the_first_address_that_works_counts():
    """Of several bootstrap addresses a dead one does not matter."""
    with listening(FakeKafka()) as address:
        assert examine(ThisMachine(Login({})), ["localhost:1", address]).failed is None


@pytest.mark.parametrize("data", [b"", b"\0\0\0\0", b"\0\0\0\0\0\0\0\x02\0\0"])
def test_metadata_that_is_cut_off(data):
    """A response that ends too early is none of Kafka's."""
    with pytest.raises(WireError):
        read_metadata(data)


def test_other_responses_that_are_none():
    """A list that is cut off, a huge length, a response without a number."""
    for read, data in ((read_mechanisms, b"\0\0\0\0\0\x05"), (response_length, b"\x7f\xff\xff\xff")):
        with pytest.raises(WireError):
            read(data)
    with pytest.raises(WireError):
        response_body(3, b"\0\0")


@pytest.mark.parametrize("cut", [SASL_HANDSHAKE, SASL_AUTHENTICATE])
def test_a_login_that_ends_in_the_middle(cut):
    """Layer `login`: a response that is cut is no response of Kafka."""
    kafka = FakeKafka(mechanisms=("PLAIN",), password="right", answers={cut: b"\0"})
    with listening(kafka) as address:
        layer, cause = found(address, **PLAIN, sasl_plain_password="right")
    assert layer == "login"
    assert cause.startswith("the response to the login is not Kafka's")


def test_scram_with_a_challenge_that_is_none():
    """Layer `login`: kafka-python's SCRAM raises errors of its own."""
    kafka = FakeKafka(mechanisms=("SCRAM-SHA-256",), answers={SASL_AUTHENTICATE: struct.pack(">hhi", 0, -1, 0)})
    settings = {**PLAIN, "sasl_mechanism": "SCRAM-SHA-256", "sasl_plain_password": "x"}
    with listening(kafka) as address:
        assert found(address, **settings)[0] == "login"


def test_more_brokers_than_a_cluster_has():
    """Layer `metadata`: a count that can't be true is not followed."""
    with listening(FakeKafka(answers={METADATA: struct.pack(">ii", 0, 2**31 - 1)})) as address:
        assert found(address) == ("metadata", "the response is not Kafka's")


def test_a_response_that_never_ends(monkeypatch):
    """A byte now and then does not extend the time."""
    monkeypatch.setattr(this_machine, "SECONDS", 0.3)
    with listening(FakeKafka(drip=0.05)) as address:
        assert found(address) == ("kafka", "no response")


@pytest.mark.parametrize(
    ("settings", "cause"),
    [
        ({"ssl_cafile": "text"}, "the client's CA file"),
        ({"ssl_certfile": "locked", "ssl_keyfile": "locked"}, "the client's certificate"),
        ({"ssl_certfile": "locked", "ssl_keyfile": "locked", "ssl_password": "wrong"}, "the client's certificate"),
    ],
)
def test_the_client_s_own_files(tmp_path, settings, cause):
    """Layer `tls`: the file of the client is named, not the listener; nobody is asked for a password."""
    own = certificate(tmp_path, "own")
    (tmp_path / "text").write_text("no certificate")
    certificate(tmp_path, "locked", password=b"secret")
    files = {key: f"{tmp_path}/{value}{'' if value == 'text' else '.pem'}" for key, value in settings.items()}
    files |= {key: value for key, value in settings.items() if key == "ssl_password"}
    with listening(FakeKafka(certificate=own)) as address:
        layer, detail = found(address, **{"security_protocol": "SSL", "ssl_cafile": own} | files)
    assert layer == "tls"
    assert detail.startswith(cause)


def test_an_advertised_address_where_no_kafka_responds():
    """Layer `advertised`: the address accepts connections, and that is all."""
    with listening(FakeKafka(garbage=b"HTTP/1.1 400 Bad Request\r\n\r\n")) as other:
        port = int(other.rpartition(":")[2])
        with listening(FakeKafka(brokers={1: ("localhost", port)})) as address:
            assert found(address) == (
                "advertised",
                f"clients are sent to {other}, and there: the response is not Kafka's",
            )


def test_several_addresses_of_which_none_works():
    """The one that got furthest is the cause, not the last one."""
    with closed_port() as closed, listening(FakeKafka(brokers={1: ("localhost", closed)})) as address:
        examination = examine(ThisMachine(Login({})), [address, f"localhost:{closed}"])
    assert (examination.address, examination.failed.layer) == (address, "advertised")


def test_a_dead_address_before_one_that_works():
    """The address that works is the one that is named."""
    with closed_port() as closed, listening(FakeKafka()) as address:
        examination = examine(ThisMachine(Login({})), [f"localhost:{closed}", address])
    assert (examination.address, examination.failed) == (address, None)
