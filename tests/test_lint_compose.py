"""Compose files are read as Docker Compose reads them."""

from pathlib import Path

import pytest

from labctl.errors import SpecError
from labctl.lint.compose.interpolation import UNKNOWN, interpolate
from labctl.lint.compose.loader import default_files, load_stack
from labctl.lint.images import kafka_version, split_image


@pytest.fixture
def stack(tmp_path):
    """Write files, the first of them compose.yml, and load those that end with compose.yml in their order."""

    def load(*texts, shell=None, **files):
        paths = []
        for number, text in enumerate(texts):
            paths.append(tmp_path / f"{number}-compose.yml")
            paths[-1].write_text(text)
        for name, text in files.items():
            (tmp_path / name.replace("__", ".")).write_text(text)
        return load_stack(paths, shell or {})

    return load


def environment(service):
    """{name: value} of a service."""
    return {name: variable.value for name, variable in service.environment.items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$A-${A}", "a-a"),
        ("${A:-x}${B:-y}${E:-z}", "ayz"),
        ("${B-y}${E-z}", "y"),
        ("${A:+yes}${B:+yes}${E+set}", "yesset"),
        ("${B:-${C:-deep}}", "deep"),
        ("$$A costs 5$", "$A costs 5$"),
        ("${B:?must be set}", UNKNOWN),
        ("$B/${C}", f"{UNKNOWN}/{UNKNOWN}"),
        ("${broken", "${broken"),
    ],
)
def test_variables_are_replaced(text, expected):
    """Every form of a variable that Compose documents; what is set nowhere is unknown."""
    assert interpolate(text, {"A": "a", "E": ""}) == expected


def test_the_environment_has_all_forms(stack):
    """A map, a list, a variable of the shell, an env_file and .env; what is written in the file wins."""
    services = stack(
        "services:\n  a:\n    env_file: own.env\n    environment: {X: 1, Y: true, Z: '${FROM_DOTENV}', SHELL_ONE: }\n"
        "  b:\n    env_file: [own.env, {path: none.env, required: false}]\n    environment: ['X=\"q\"', 'P=a=b']\n",
        shell={"SHELL_ONE": "s"},
        own__env="# comment\nX=file\nQ='quoted value'\n",
        __env="FROM_DOTENV=dot\n",
    ).services
    assert environment(services["a"]) == {"X": "1", "Q": "quoted value", "Y": "true", "Z": "dot", "SHELL_ONE": "s"}
    assert environment(services["b"]) == {"X": '"q"', "Q": "quoted value", "P": "a=b"}
    assert services["b"].environment["X"].list_item
    assert services["a"].environment["Q"].place.line == 3


def test_the_shell_wins_over_the_dotenv_file(stack):
    """A variable of the shell replaces that of .env."""
    loaded = stack("services: {a: {image: 'x:${TAG}'}}", shell={"TAG": "2"}, __env="TAG=1\n")
    assert loaded.services["a"].image == "x:2"


def test_files_are_merged(stack):
    """Maps are merged, lists appended, commands replaced; !reset and !override do what Compose says."""
    service = stack(
        "services:\n  a:\n    image: x\n    environment: [A=1, B=2]\n    ports: ['1:1']\n    command: [one, two]\n"
        "    depends_on: [b]\n    volumes: ['v:/data', 'w:/other']\n",
        "services:\n  a:\n    environment: {B: 3, A: !reset null}\n    ports: ['2:2']\n    command: three\n"
        "    depends_on: {c: {condition: service_healthy}}\n    volumes: ['z:/data']\n",
    ).services["a"]
    assert environment(service) == {"B": "3"}
    assert [port.host for port in service.ports] == [1, 2]
    assert service.command.words == ("three",)
    assert {name: one.condition for name, one in service.depends_on.items()} == {
        "b": "service_started",
        "c": "service_healthy",
    }
    assert {mount.target: mount.source for mount in service.mounts} == {"/data": "z", "/other": "w"}
    overridden = stack("services: {a: {ports: ['1:1']}}", "services: {a: {ports: !override ['2:2']}}").services["a"]
    assert [port.host for port in overridden.ports] == [2]


def test_places_are_those_of_the_file(stack):
    """Each value has the file, line and column where it is written, also after merging and through an anchor."""
    loaded = stack(
        "x-env: &env\n  A: 1\nservices:\n  a:\n    environment:\n      <<: *env\n      B: 2\n",
        "services:\n  a:\n    environment:\n      C: 3\n",
    )
    places = {name: str(one.place).rpartition("/")[2] for name, one in loaded.services["a"].environment.items()}
    assert places == {"A": "0-compose.yml:2:3", "B": "0-compose.yml:7:7", "C": "1-compose.yml:4:7"}


def test_extends_and_include(stack):
    """A service inherits from one of another file; what a file includes is part of it."""
    loaded = stack(
        "include: [more.yml]\nservices:\n  a:\n    extends: {file: base.yml, service: base}\n    environment: {B: 2}\n"
        "  b:\n    extends: a\n    image: y\n",
        base__yml="services: {base: {image: x, environment: {A: 1, B: 1}, depends_on: [none]}}",
        more__yml="services: {c: {image: z}}",
    )
    assert environment(loaded.services["b"]) == {"A": "1", "B": "2"}
    assert (loaded.services["a"].image, loaded.services["b"].image, loaded.services["c"].image) == ("x", "y", "z")
    assert not loaded.services["a"].depends_on


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'9092'", [(None, 9092, "")]),
        ("'19092:9092'", [(19092, 9092, "")]),
        ("127.0.0.1:19092:9092", [(19092, 9092, "127.0.0.1")]),
        ("'127.0.0.1::9092'", [(None, 9092, "127.0.0.1")]),
        ("'[::1]:19092:9092/tcp'", [(19092, 9092, "::1")]),
        ("'9092-9093:9092-9093'", [(9092, 9092, ""), (9093, 9093, "")]),
        ("{target: 9092, published: '19092', host_ip: 127.0.0.1}", [(19092, 9092, "127.0.0.1")]),
        ("'${PORT}:9092'", [(None, 9092, "")]),
        ("'${ADDRESS}:19092:9092'", [(19092, 9092, UNKNOWN)]),
        ("'19092:${PORT}'", [(None, None, "")]),
    ],
)
def test_ports_have_all_forms(stack, text, expected):
    """Short, long, with addresses, ranges; what is unknown is None."""
    ports = stack(f"services:\n  a:\n    ports:\n      - {text}\n").services["a"].ports
    assert [(port.host, port.container, port.address) for port in ports] == expected


def test_comments_that_ignore_rules(stack):
    """A comment on the line, on the line before, or above everything."""
    loaded = stack(
        "# labctl: ignore KAFKA-WHOLE\nservices:\n  # labctl: ignore KAFKA-A, KAFKA-B\n  a:\n"
        "    image: x # labctl: ignore KAFKA-C\n"
    )
    assert next(iter(loaded.ignored.values())) == {
        0: frozenset({"KAFKA-WHOLE"}),
        4: frozenset({"KAFKA-A", "KAFKA-B"}),
        5: frozenset({"KAFKA-C"}),
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("services: {a: [", "1:16: not YAML"),
        ("- a\n", "1:1: a Compose file is a mapping"),
        ("name: x\n", "1:1: no services"),
        ("services:\n  a: {extends: a}\n", "a extends itself"),
        ("include: [0-compose.yml]\nservices: {}\n", "includes itself"),
        ("a: &a\n  b: *a\nservices: {}\n", "more than 50,000 values, or 50 levels"),
    ],
)
def test_what_is_no_compose_file_is_refused(stack, text, expected):
    """An error with the place, and no traceback."""
    with pytest.raises(SpecError, match=expected):
        stack(text)


def test_the_files_that_compose_would_use(tmp_path):
    """compose.yaml before docker-compose.yml, with its override."""
    assert default_files(tmp_path) == []
    for name in ("docker-compose.yml", "docker-compose.override.yml"):
        (tmp_path / name).touch()
    assert [path.name for path in default_files(tmp_path)] == ["docker-compose.yml", "docker-compose.override.yml"]
    (tmp_path / "compose.yaml").touch()
    assert [path.name for path in default_files(tmp_path)] == ["compose.yaml"]


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("apache/kafka:3.9.1", (3, 9, 1)),
        ("docker.io/apache/kafka-native:4.1.0-rc2", (4, 1, 0)),
        ("confluentinc/cp-kafka:7.5.3", (3, 5)),
        ("confluentinc/cp-server:8.0.0", (4, 0)),
        ("confluentinc/cp-kafka:5.4.10-1-ubi8", (2, 4)),
        ("bitnami/kafka:3.6", (3, 6)),
        ("wurstmeister/kafka:2.13-2.8.1", (2, 8, 1)),
        ("registry.example:5000/mirror/apache/kafka:3.7.0", (3, 7, 0)),
        ("apache/kafka:${TAG}".replace("${TAG}", UNKNOWN), None),
        ("apache/kafka@sha256:abc", None),
        ("redpandadata/redpanda:v24", None),
    ],
)
def test_an_images_version_of_kafka(image, version):
    """Each family counts in its own way; what does not say is unknown."""
    assert kafka_version(image) == version


def test_a_digest_is_no_tag():
    """A reference may have a port, a tag and a digest."""
    assert split_image("reg:5000/a/b:1@sha256:ff") == ("reg:5000/a/b", "1")
    assert split_image("a/b@sha256:ff") == ("a/b", "")
    assert split_image("index.docker.io/a/b") == ("a/b", "latest")


def test_a_missing_file_is_refused():
    """The name and the reason."""
    with pytest.raises(SpecError, match=r"nowhere\.yml: no such file"):
        load_stack([Path("nowhere.yml")], {})
