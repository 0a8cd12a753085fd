"""The command line and the environment of a JVM."""

from pathlib import Path

from labctl.runtime.jvm.java import Java
from labctl.runtime.jvm.jvm_options import LocalKafka, argument_file, clean_environment, without_cache


def test_argument_files_escape_special_characters():
    """Quotes, blanks, backslashes and new lines pass the java launcher's @file unchanged."""
    assert argument_file(["-Da=b c", 'x"y', "c:\\d"]) == '"-Da=b c"\n"x\\"y"\n"c:\\\\d"\n'
    assert argument_file(["a\nb\tc"]) == '"a\\nb\\tc"\n'


def test_the_jvm_options_fit_their_use(tmp_path):
    """A cache is used where it exists and recorded where requested; the classpath keeps its order."""
    java = Java(tmp_path / "java", "25.0.1", "test")
    kafka = LocalKafka("4.4.0", "test", java, ("/b.jar", "/a.jar"), {}, caches={"broker": "/c/broker.aot"})
    options = kafka.arguments("broker", heap="512m", properties={"k": "v"}, logs=tmp_path)
    assert "-XX:AOTCache=/c/broker.aot" in options
    assert options[-2:] == ["-cp", "/b.jar:/a.jar"]
    assert "-Dk=v" in options
    tool = {"heap": "256m", "properties": {}, "logs": tmp_path}
    assert not [option for option in kafka.arguments("consumer", **tool) if "AOT" in option]
    recording = kafka.recorded_into(tmp_path).arguments("consumer", **tool)
    assert f"-XX:AOTCacheOutput={tmp_path}/consumer.aot" in recording


def test_the_cache_can_be_removed_from_an_argument_file():
    """Only its option is removed; a file without a cache stays unchanged."""
    rest = ["-Xmx512m", "-Da=b c", "-cp", "/a.jar"]
    text, caches = without_cache(argument_file([rest[0], "-XX:AOTCache=/c d/broker.aot", *rest[1:]]))
    assert (text, caches) == (argument_file(rest), [Path("/c d/broker.aot")])
    assert without_cache(text) == (text, [])


def test_the_environment_can_t_change_kafka(monkeypatch):
    """KAFKA_OPTS, JAVA_TOOL_OPTIONS and CLASSPATH of the user's shell are not passed on."""
    for name in ("KAFKA_OPTS", "JAVA_TOOL_OPTIONS", "CLASSPATH", "KAFKA_HEAP_OPTS"):
        monkeypatch.setenv(name, "x")
    assert {"KAFKA_OPTS", "JAVA_TOOL_OPTIONS", "CLASSPATH", "KAFKA_HEAP_OPTS"}.isdisjoint(clean_environment())
