"""Secrets are hidden; everything else stays."""

import base64
import json

import pytest

from labctl.diagnostics.redaction import HIDDEN, Redactor, is_secret, secrets_in, without_login
from labctl.results import CheckResult

SECRET = "tulips/and+daisies"


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
@pytest.mark.parametrize("after", ["", "z", "zz"])
def test_a_known_secret_in_base64_at_any_place(before, after):
    """base64 encodes the same text in three forms, by its position."""
    encoded = base64.b64encode(f"{before}{SECRET}{after}".encode()).decode()
    hidden = Redactor([SECRET]).text(f"header: {encoded} end")
    core = base64.b64encode(SECRET.encode()).decode()[4:16]
    assert HIDDEN in hidden
    assert core not in hidden
    assert len(hidden) < len(encoded) + 5


@pytest.mark.parametrize("quote", [str, json.dumps, lambda text: text.replace("/", "%2F").replace("+", "%2B")])
def test_a_known_secret_literal_or_quoted(quote):
    """The forms in JSON and in a URL are hidden too."""
    assert Redactor([SECRET]).text(f"x {quote(SECRET)} y").strip('"') in {f"x {HIDDEN} y", f'x "{HIDDEN}" y'}


@pytest.mark.parametrize(
    "address",
    [
        "http://me:tulips-and-daisies@proxy:3128",
        "me:tulips-and-daisies@proxy:3128",
        "https://me:tulips-and-daisies@mirror.example.org/maven2/",
        "http://:tulips-and-daisies@proxy",
        "postgres://me:tulips%2Dand-daisies@db/x",
    ],
)
def test_the_password_in_an_address(address):
    """Of a proxy or mirror, in whatever form people write it: it is a secret, and never shown."""
    found = secrets_in({"HTTPS_PROXY": address})
    assert "tulips-and-daisies" in found
    message = f"can't connect to {address}: tulips-and-daisies was rejected"
    assert "tulips" not in Redactor(found).text(message)
    assert "tulips" not in without_login(address)
    assert without_login(address).endswith(address.rpartition("@")[2])


def test_a_short_password_in_an_address():
    """It may be part of another word, so that it is hidden together with its user alone."""
    assert Redactor(secrets_in({"PROXY": "me:pw@proxy:1"})).text("me:pw@proxy:1 pw") == f"{HIDDEN}proxy:1 pw"


@pytest.mark.parametrize("address", ["localhost:9092", "1@broker-1:9093,2@broker-2:9093", "kafka:4.10.1@sha256:abc"])
def test_an_address_without_a_password(address):
    """Ports, quorum voters and digests are no passwords."""
    assert secrets_in({"ADDRESS": address}) == []
    assert Redactor().text(address) == address


@pytest.mark.parametrize(
    "text",
    [
        'sasl.jaas.config=Login required username="x" password="tulips";',
        "ssl.keystore.password = tulips",
        '{"db_password": "tulips"}',
        "API_KEY=tulips",
        "https://me:tulips@host/x",
        "Authorization: Basic tulips==",
        "-----BEGIN PRIVATE KEY-----\ntulips\n-----END PRIVATE KEY-----",
    ],
)
def test_what_looks_like_a_secret(text):
    """It is hidden although its value is not known as a secret."""
    assert "tulips" not in Redactor().text(text)


@pytest.mark.parametrize(
    "text",
    [
        'password="${file:/etc/kafka/secrets/passwords.properties:broker}"',
        "ssl.key.password = null",
        "delegation.token.expiry.time.ms = 86400000",
        "http://localhost:8088/topics",
        "a password is needed",
    ],
)
def test_what_is_no_secret_stays(text):
    """Paths of secrets, empty values and ordinary text stay."""
    assert Redactor().text(text) == text


def test_a_whole_result():
    """Secrets are hidden in each text of it; a setting with a secret's name is hidden whatever its length."""
    check = CheckResult("x", "failed", 0.1, f"got {SECRET}", (f"$ tool {SECRET}",))
    hidden = Redactor([SECRET]).of(check)
    assert (hidden.detail, hidden.evidence) == (f"got {HIDDEN}", (f"$ tool {HIDDEN}",))
    assert Redactor().of({"a.password": "x", "b": "x"}) == {"a.password": HIDDEN, "b": "x"}


def test_names_of_secrets():
    """Names of settings and of environment variables."""
    assert all(map(is_secret, ["ssl.key.password", "MY_TOKEN", "AWS_SECRET_ACCESS_KEY", "my.api-key"]))
    assert not any(map(is_secret, ["node.id", "delegation.token.max.lifetime.ms", "PATH", "KEYBOARD"]))
    assert secrets_in({"a.password": "x", "b.password": "${file:x:y}", "c": "z"}) == ["x"]
