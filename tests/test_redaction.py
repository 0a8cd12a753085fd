"""Secrets are hidden; everything else stays."""

import base64
import json

import pytest

from labctl.diagnostics.redaction import HIDDEN, Redactor, is_secret, secrets_in
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
