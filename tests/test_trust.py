"""What a lab.yaml of somebody else can't do: load code, read files, be changed by another user of the machine."""

import json
import os
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from labctl.cli.main import cli
from labctl.errors import SpecError
from labctl.spec.kafka_settings import HARMLESS_CLASSES, HARMLESS_TEXTS, SETTINGS_OF_CLASSES, TEXT_TYPES
from labctl.spec.loader import load_spec, parse_spec, with_overrides
from labctl.spec.model import LabSpec
from labctl.system.ownership import other_writer, require_own
from labctl.version_lock import load_lock, locked_versions

OTHER_USER = 12345
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")

# each seen to run code, or to read or write files of the user, on a broker that labctl started
HOSTILE = {
    "remote.log.storage.manager.class.path": "/repository/evil.jar",
    "remote.log.storage.manager.class.name": "evil.Storage",
    "remote.log.metadata.manager.class.path": "/repository/evil.jar",
    "config.providers": "folder",
    "config.providers.folder.class": "org.apache.kafka.common.config.provider.DirectoryConfigProvider",
    "metric.reporters": "org.apache.kafka.common.metrics.JmxReporter,evil.Reporter",
    "kafka.metrics.reporters": "kafka.metrics.KafkaCSVMetricsReporter",
    "kafka.csv.metrics.dir": "/home/student",
    "authorizer.class.name": "evil.Authorizer",
    "principal.builder.class": "evil.Builder",
    "replica.selector.class": "evil.Selector",
    "create.topic.policy.class.name": "evil.Policy",
    "alter.config.policy.class.name": "evil.Policy",
    "client.quota.callback.class": "evil.Quota",
    "group.consumer.assignors": "uniform, evil.Assignor",
    "security.providers": "evil.Provider",
    "ssl.engine.factory.class": "evil.Factory",
    "ssl.keystore.location": "/home/student/.ssh/id_ed25519",
    "ssl.truststore.location": "/home/student/private.pem",
    "sasl.jaas.config": "com.sun.security.auth.module.JndiLoginModule required;",
    "sasl.login.class": "evil.Login",
    "sasl.server.callback.handler.class": "evil.Handler",
    "sasl.kerberos.kinit.cmd": "/repository/evil.sh",
    "sasl.oauthbearer.jwks.endpoint.url": "file:///home/student/private",
    "sasl.oauthbearer.assertion.private.key.file": "/home/student/.ssh/id_ed25519",
    "listener.name.external.ssl.keystore.location": "/home/student/private.pem",
    "listener.name.external.plain.sasl.jaas.config": "com.sun.security.auth.module.JndiLoginModule required;",
    "rlmm.config.interceptor.classes": "evil.Interceptor",
    "cordoned.log.dirs": "/home/student",
}


def with_setting(key: str, value: str) -> str:
    return f"kafka: {{config: {{{key}: '{value}'}}}}\n"


@pytest.mark.parametrize(("key", "value"), HOSTILE.items())
def test_a_setting_that_can_run_code_or_read_files_needs_trust(key, value):
    """It is refused with its place; the user can accept it, lab.yaml can't."""
    text = with_setting(key, value)
    with pytest.raises(SpecError, match=rf"lab\.yaml:1:18: kafka\.config\.{re.escape(key)}: ") as refused:
        parse_spec(text)
    assert refused.value.exit_code == 2
    assert parse_spec(text, trusted=True).kafka.config == {key: value}
    with pytest.raises(SpecError, match="trust: unknown key"):
        parse_spec(f"trust: true\n{text}")


@pytest.mark.parametrize("value", ["a\\nmetric.reporters=evil.Reporter", "${file:/x:y}", "a\\r", "\\x1b[2J"])
@pytest.mark.parametrize("key", ["broker.rack", "num.partitions", "listener.name.external.max.connections"])
def test_a_value_that_would_become_another_setting_or_a_file_needs_trust(key, value):
    """An image may write it into a file as it is; Kafka replaces ${…} where labctl itself names a config provider."""
    with pytest.raises(SpecError, match="unless with --trust"):
        parse_spec(f'kafka: {{config: {{{key}: "{value}"}}}}\n')


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("log.retention.hours", "1"),
        ("broker.rack", "a"),
        ("log.cleanup.policy", "delete"),
        ("metric.reporters", "org.apache.kafka.common.metrics.JmxReporter"),
        ("replica.selector.class", "org.apache.kafka.common.replica.RackAwareReplicaSelector"),
        ("group.consumer.assignors", "range, uniform"),
        ("super.users", "User:alice"),
        ("listener.name.external.max.connections", "10"),
        ("listener.name.external.ssl.client.auth", "none"),
    ],
)
def test_settings_that_are_data_need_no_trust(key, value):
    """Numbers, texts that Kafka only compares, and Kafka's own harmless classes are accepted."""
    assert parse_spec(with_setting(key, value)).kafka.config == {key: value}


@pytest.mark.parametrize("version", locked_versions())
def test_each_setting_with_a_text_is_known_to_be_harmless_or_needs_trust(version):
    """No setting of any version slips through: with a text that is no number it is listed as harmless, or refused."""
    for name, type_name in load_lock(version).settings["broker"].items():
        text = f"kafka: {{version: '{version}', config: {{{name}: evil.Class}}}}\n"
        try:
            parse_spec(text)
        except SpecError:
            continue
        assert type_name not in TEXT_TYPES or name in HARMLESS_TEXTS


def test_the_lists_of_harmless_settings_name_settings_that_exist():
    """A name with a typing error in it would protect nobody."""
    known = {name for version in locked_versions() for name in load_lock(version).settings["broker"]}
    assert (HARMLESS_TEXTS - SETTINGS_OF_CLASSES) | set(HARMLESS_CLASSES) <= known
    assert not HARMLESS_TEXTS & set(HARMLESS_CLASSES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            with_setting("mesage.max.bytes", "1"),
            "Kafka 4.4.0 has no broker setting of this name; did you mean message.m",
        ),
        (with_setting("max.request.size", "1"), "no broker setting of this name, it is a setting of producers; "),
        (with_setting("retention.ms", "1"), "it is a setting of topics; did you mean log.retention.ms?"),
        (
            "topics: [{name: a, config: {log.retention.ms: 1}}]",
            "it is a setting of brokers; did you mean retention.ms?",
        ),
        (
            "topics: [{name: a, config: {cleanup.polcy: x}}]",
            "no topic setting of this name; did you mean cleanup.policy",
        ),
        ("kafka: {version: 3.9.2, config: {cordoned.log.dirs: 1}}", "Kafka 3.9.2 has no broker setting of this name"),
        ("kafka: {version: 9.0.0, config: {mesage.max.bytes: 1}}", "did you mean message.max.bytes?"),
        ("kafka: {version: 3.9.1, config: {mesage.max.bytes: 1}}", "did you mean message.max.bytes?"),
    ],
)
def test_a_setting_that_this_kafka_does_not_know_is_refused_with_the_nearest_name(text, expected):
    """Kafka itself ignores unknown settings silently."""
    with pytest.raises(SpecError, match=re.escape(expected)):
        parse_spec(text)


def test_the_command_line_changes_which_settings_are_known():
    """--kafka with an older version refuses the settings that it does not have."""
    spec = parse_spec("kafka: {config: {log.dir.failure.timeout.ms: 1, group.share.max.share.sessions: 5}}")
    with pytest.raises(
        SpecError, match=r"kafka\.config\.group\.share\.max\.share\.sessions: Kafka 3\.9\.2 has no broker setting"
    ):
        with_overrides(spec, kafka="3.9.2")


def test_presets_and_defaults_need_no_trust():
    """The homework lab is harmless by the same rules."""
    assert with_overrides(LabSpec()) == LabSpec()


# -- who else can change lab.yaml --------------------------------------------


@pytest.fixture
def lab_yaml(tmp_path):
    path = tmp_path / "lab.yaml"
    path.write_text("name: mine\n")
    path.chmod(0o644)
    return path


def test_a_file_that_only_this_user_can_change_is_accepted(lab_yaml):
    """As a user creates it, below a folder like /tmp, which everybody can write to, but not change what others have."""
    assert other_writer(lab_yaml) == ""
    assert other_writer(lab_yaml.with_name("missing.yaml")) == ""
    circle = lab_yaml.with_name("circle.yaml")
    circle.symlink_to(circle)
    assert other_writer(circle) == ""
    assert other_writer(lab_yaml / "below-a-file") == ""


@pytest.mark.parametrize("above", [0, 1])
def test_a_file_or_folder_that_everybody_can_write_to_is_refused(lab_yaml, above):
    """Who can write to the folder can replace the file."""
    place = [lab_yaml, *lab_yaml.parents][above]
    place.chmod(0o777)
    with pytest.raises(SpecError, match=f"everybody can write to {place}") as refused:
        require_own(lab_yaml)
    assert "--trust" in refused.value.hint
    if place.is_dir():
        place.chmod(0o1777)
        assert other_writer(lab_yaml) == ""


def test_a_link_is_followed_and_its_own_folder_examined(lab_yaml, tmp_path):
    """Both the file that a link names and the folder of the link must be the user's."""
    (tmp_path / "open").mkdir(mode=0o700)
    link = tmp_path / "open" / "lab.yaml"
    link.symlink_to(lab_yaml)
    assert other_writer(link) == ""
    (tmp_path / "open").chmod(0o777)
    assert "everybody" in other_writer(link)
    (tmp_path / "open").chmod(0o700)
    lab_yaml.chmod(0o666)
    assert "everybody" in other_writer(link)


@only_root
@pytest.mark.parametrize("above", [0, 1])
def test_a_file_or_folder_of_another_user_is_refused(lab_yaml, above, monkeypatch):
    """Also for root: the other user chooses what is in it. With sudo it may belong to who called sudo."""
    place = [lab_yaml, *lab_yaml.parents][above]
    os.chown(place, OTHER_USER, OTHER_USER)
    assert other_writer(lab_yaml) == f"{place} belongs to uid {OTHER_USER}, and you are root"
    monkeypatch.setenv("SUDO_UID", str(OTHER_USER))
    assert other_writer(lab_yaml) == ""


@only_root
def test_a_group_with_other_members_is_refused(lab_yaml, monkeypatch):
    """A group of the user alone, as Debian creates one for each user, is accepted."""
    lab_yaml.chmod(0o664)
    assert other_writer(lab_yaml) == ""
    student = SimpleNamespace(pw_gid=OTHER_USER, pw_name="student")
    with monkeypatch.context() as sudo:  # `sudo labctl up` in a folder of the student, whose umask is 002
        sudo.setenv("SUDO_UID", str(OTHER_USER))
        sudo.setattr(
            "pwd.getpwuid", lambda uid: student if uid == OTHER_USER else SimpleNamespace(pw_gid=0, pw_name="root")
        )
        sudo.setattr("grp.getgrgid", lambda _gid: SimpleNamespace(gr_name="student", gr_mem=[]))
        os.chown(lab_yaml, OTHER_USER, OTHER_USER)
        assert other_writer(lab_yaml) == ""
    os.chown(lab_yaml, 0, OTHER_USER)
    assert other_writer(lab_yaml) == f"the group gid {OTHER_USER} can write to {lab_yaml}"


@pytest.mark.parametrize("command", [["plan"], ["render", "-o", "-"], ["up"], ["run", "--", "true"]])
def test_each_command_that_uses_a_lab_yaml_refuses_a_foreign_one(command, lab_yaml, monkeypatch):
    """Exit code 2, before anything of it is read; --trust accepts it."""
    lab_yaml.write_text("name: [\n")
    lab_yaml.chmod(0o666)
    monkeypatch.chdir(lab_yaml.parent)
    refused = CliRunner().invoke(cli, command)
    assert refused.exit_code == 2
    assert "lab.yaml: everybody can write to" in refused.output
    accepted = CliRunner().invoke(cli, [command[0], "--trust", *command[1:]])
    assert "not YAML" in accepted.output


@pytest.mark.parametrize("command", [["down"], ["status"], ["stop"], ["doctor"]])
def test_commands_that_need_only_the_name_accept_any_lab_yaml(command, lab_yaml, monkeypatch, tmp_path):
    """A lab that was trusted at `up` can be removed without --trust."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    lab_yaml.write_text("name: mine\n" + with_setting("authorizer.class.name", "evil.Authorizer"))
    monkeypatch.chdir(lab_yaml.parent)
    result = CliRunner().invoke(cli, command)
    assert "--trust" not in result.output
    assert result.exit_code != 2


@pytest.mark.parametrize("text", ["\x1b[2J", "\x9b2J", "a\rlabctl: verified", "\u202egnp.exe"])
def test_a_text_of_somebody_else_does_not_control_the_terminal(text, lab_yaml, monkeypatch):
    """Escape sequences, carriage returns and characters that turn text around are shown, not sent."""
    monkeypatch.chdir(lab_yaml.parent)
    lab_yaml.write_text(f'"{json.dumps(text)[1:-1]}": 1\n')
    refused = CliRunner().invoke(cli, ["plan"])
    assert refused.exit_code == 2
    assert not set(text) & set(refused.output) & {"\x1b", "\x9b", "\r", "\u202e"}
    assert "unknown key" in refused.output


def test_the_trusted_file_of_a_test_session_needs_no_option(lab_yaml):
    """`load_spec(trusted=True)` reads what `labctl.testing` is given: tests are code anyway."""
    lab_yaml.write_text(with_setting("authorizer.class.name", "evil.Authorizer"))
    assert load_spec(Path(lab_yaml), trusted=True).kafka.config == {"authorizer.class.name": "evil.Authorizer"}
