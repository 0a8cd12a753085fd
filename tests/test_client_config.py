"""A client's properties file is read as the client reads it; every reason why labctl can't use it is reported."""

import pytest

from labctl.errors import SpecError
from labctl.kafka.client_config import read_client_config

PROVIDER = "config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider\n"


def read(tmp_path, text):
    path = tmp_path / "client.properties"
    path.write_text(text)
    return read_client_config(path)


def problems(tmp_path, text):
    with pytest.raises(SpecError) as refused:
        read(tmp_path, text)
    return [problem.removeprefix(f"{tmp_path / 'client.properties'}: ") for problem in refused.value.problems]


def test_a_plaintext_file_needs_no_login(tmp_path):
    """Settings that do not concern the login are ignored."""
    assert read(tmp_path, "acks=all\n# none\n") == {"security_protocol": "PLAINTEXT"}


def test_windows_line_ends(tmp_path):
    """They are no part of user and password, in librdkafka's form too."""
    login = "sasl.username=ann\r\nsasl.password=a b=\r\n"
    path = tmp_path / "client.properties"
    path.write_bytes(f"security.protocol=SASL_PLAINTEXT\r\nsasl.mechanism=PLAIN\r\n{login}".encode())
    found = read_client_config(path)
    assert (found["sasl_plain_username"], found["sasl_plain_password"]) == ("ann", "a b=")


def test_java_format(tmp_path):
    """User and password are in the JAAS line, with the escapes of Java and JAAS; PEM files are named."""
    (tmp_path / "ca.pem").touch()
    found = read(
        tmp_path,
        "security.protocol = SASL_SSL\nsasl.mechanism: SCRAM-SHA-256\n"
        "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\\n"
        '    username="eve" password="a\\\\"b\\u0021";\n'
        f"ssl.truststore.type=PEM\nssl.truststore.location={tmp_path}/ca.pem\n"
        "ssl.endpoint.identification.algorithm=\n",
    )
    assert found["sasl_mechanism"] == "SCRAM-SHA-256"
    assert (found["sasl_plain_username"], found["sasl_plain_password"]) == ("eve", 'a"b!')
    assert (found["ssl_cafile"], found["ssl_check_hostname"]) == (f"{tmp_path}/ca.pem", False)


@pytest.mark.parametrize("options", ['username="eve" password="a b"', "username=eve password='a b'"])
def test_jaas_quotes(tmp_path, options):
    """A value stands in double or single quotes; a single word needs none."""
    login = f"org.apache.kafka.common.security.plain.PlainLoginModule required {options};"
    found = read(tmp_path, f"security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config={login}\n")
    assert (found["sasl_plain_username"], found["sasl_plain_password"]) == ("eve", "a b")


def test_a_password_from_a_file(tmp_path):
    """Placeholders of FileConfigProvider are replaced; all others are rejected."""
    (tmp_path / "secret").write_text("key=tulips\n")
    login = f'PlainLoginModule required username="eve" password="${{file:{tmp_path}/secret:key}}";'
    text = f"security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\n{PROVIDER}sasl.jaas.config={login}\n"
    assert read(tmp_path, text)["sasl_plain_password"] == "tulips"
    assert problems(tmp_path, text.replace(":key}", ":kay}")) == [f"{tmp_path}/secret has no kay"]
    (unread,) = problems(tmp_path, text.replace(PROVIDER, ""))
    assert "only config.providers of the class FileConfigProvider" in unread


def test_librdkafka_format(tmp_path):
    """User, password and certificates have settings of their own."""
    for name in ("ca", "cert", "key"):
        (tmp_path / name).touch()
    found = read(
        tmp_path,
        "security.protocol=sasl_ssl\nsasl.mechanisms=PLAIN\nsasl.username=eve\nsasl.password=tu\\lips=\n"
        f"ssl.ca.location={tmp_path}/ca\nssl.certificate.location={tmp_path}/cert\nssl.key.location={tmp_path}/key\n",
    )
    assert found["security_protocol"] == "SASL_SSL"
    assert (found["sasl_plain_username"], found["sasl_plain_password"]) == ("eve", "tu\\lips=")
    files = [found[key] for key in ("ssl_cafile", "ssl_certfile", "ssl_keyfile")]
    assert files == [f"{tmp_path}/{name}" for name in ("ca", "cert", "key")]


def test_all_problems_at_once(tmp_path):
    """All problems are reported together, each with the accepted values."""
    found = problems(
        tmp_path,
        "security.protocol=SASL_SSL\nsasl.mechanism=GSSAPI\nssl.truststore.location=/no/such.jks\n",
    )
    assert found == [
        "sasl.mechanism is GSSAPI; labctl can log in with PLAIN, SCRAM-SHA-256, SCRAM-SHA-512",
        "no user or no password: sasl.jaas.config (Java), or sasl.username and sasl.password",
        "ssl.truststore.type is JKS, and labctl reads PEM: ssl.truststore.type=PEM with a PEM file",
        "there is no file /no/such.jks",
    ]
    assert problems(tmp_path, "security.protocol=TLS\n") == [
        "security.protocol is TLS; there are PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"
    ]


def test_a_file_that_can_t_be_read(tmp_path):
    """A missing file and a binary file are rejected with a clear message."""
    with pytest.raises(SpecError, match="missing: no such file"):
        read_client_config(tmp_path / "missing")
    (tmp_path / "binary").write_bytes(b"a=\xff\xfe")
    with pytest.raises(SpecError, match="not text in UTF-8"):
        read_client_config(tmp_path / "binary")
