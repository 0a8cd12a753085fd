"""Kafka's jars from a Maven repository: downloaded, resumed and verified."""

import contextlib
import gzip
import hashlib
import http.server
import os
import threading

import pytest

from labctl.errors import HostError
from labctl.runtime.jvm import download
from labctl.version_lock import Jar, VersionLock
from tests.fake_lab import pass_time


class Repository(http.server.BaseHTTPRequestHandler):
    """A Maven repository in memory: it serves `files`, and first causes each of the `faults` of a path once."""

    files = {}
    faults = {}
    requests = []

    def do_GET(self):
        data = self.files.get(self.path)
        self.requests.append((self.path, self.headers.get("Range")))
        fault = self.faults.get(self.path, []).pop(0) if self.faults.get(self.path) else None
        if isinstance(fault, int) or data is None:
            self.send_error(fault or 404)
            return
        if fault in {"endless", "bomb"}:
            self.send_without_end(packed=fault == "bomb")
            return
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start : len(data) // 2] if fault == "cut" else data[start:])

    def send_without_end(self, *, packed):
        """Send far more than was asked for: zeros, or a few bytes that unpack to 100 MB."""
        self.send_response(200)
        if packed:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        zeros = bytes(1 << 20)
        data = gzip.compress(zeros * 100) if packed else zeros
        with contextlib.suppress(OSError):  # the client has had enough
            for _ in range(1000):
                self.wfile.write(data)
                if packed:
                    break

    def log_message(self, *_):
        pass


@pytest.fixture
def repository(monkeypatch, tmp_path):
    """Yield a version lock of two jars, which a Maven repository serves."""
    Repository.files, Repository.faults, Repository.requests = {}, {}, []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Repository)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    monkeypatch.setenv("LABCTL_MAVEN_URL", f"http://127.0.0.1:{server.server_port}/maven2/")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    pass_time(monkeypatch)
    jars = []
    for name in ("one", "two"):
        data = name.encode() * 100_000
        jar = Jar(f"org.example:{name}:1.0", len(data), hashlib.sha256(data).hexdigest())
        Repository.files[f"/maven2/{jar.repository_path}"] = data
        jars.append(jar)
    yield VersionLock("1.0.0", tuple(jars), "1.0.0", {}, {})
    server.shutdown()
    server.server_close()


def fetch(lock, folder):
    progress = []
    download.fetch(lock.jars, folder, progress=lambda done, total: progress.append((done, total)))
    return progress


def test_jars_are_downloaded_and_checked(repository, tmp_path):
    """Both jars have the right content; the progress ends at the sum of their sizes."""
    progress = fetch(repository, tmp_path / "jars")
    assert download.corrupt_jars(repository.jars, tmp_path / "jars") == []
    assert progress[-1] == (600_000, 600_000)


def test_a_cut_download_is_resumed_where_it_ended(repository, tmp_path):
    """The rest is requested with a Range, and the jar has the right content."""
    path = f"/maven2/{repository.jars[0].repository_path}"
    Repository.faults[path] = ["cut"]
    fetch(repository, tmp_path / "jars")
    assert download.corrupt_jars(repository.jars, tmp_path / "jars") == []
    ranges = [requested for place, requested in Repository.requests if place == path]
    assert ranges[1].startswith("bytes=1")


def test_a_busy_repository_is_asked_again(repository, tmp_path):
    """A download continues after 429 and 503."""
    Repository.faults[f"/maven2/{repository.jars[1].repository_path}"] = [429, 503]
    fetch(repository, tmp_path / "jars")
    assert download.corrupt_jars(repository.jars, tmp_path / "jars") == []


def test_another_content_is_refused(repository, tmp_path):
    """A jar with one changed byte is not kept; the error has both checksums."""
    path = f"/maven2/{repository.jars[0].repository_path}"
    Repository.files[path] = b"X" + Repository.files[path][1:]
    with pytest.raises(HostError, match=r"one-1.0.jar has wrong content: sha256 .* and should have"):
        fetch(repository, tmp_path / "jars")
    assert not (tmp_path / "jars" / "one-1.0.jar").exists()


@pytest.mark.parametrize("fault", ["endless", "bomb"])
def test_a_download_ends_at_the_size_in_the_lock_file(repository, tmp_path, fault):
    """A repository that sends without an end, or a few bytes that unpack to 100 MB, does not fill the disk."""
    Repository.faults[f"/maven2/{repository.jars[0].repository_path}"] = [fault]
    with pytest.raises(HostError, match=r"one-1.0.jar has wrong content: ") as refused:
        fetch(repository, tmp_path / "jars")
    assert refused.value.fault == "wrong-download"
    assert sum(path.stat().st_size for path in (tmp_path / "jars").glob("one*")) == 0


def test_a_missing_jar_names_the_mirror_setting(repository, tmp_path):
    """The remedy for a 404 is to name another repository."""
    Repository.files.clear()
    with pytest.raises(HostError, match="404") as refused:
        fetch(repository, tmp_path / "jars")
    assert "LABCTL_MAVEN_URL" in refused.value.hint


def test_an_unreachable_repository_is_an_error_with_its_reason(repository, tmp_path, monkeypatch):
    """The error has exit code 3 and the reason, without a traceback of the HTTP library."""
    monkeypatch.setenv("LABCTL_MAVEN_URL", "http://127.0.0.1:9/maven2")
    with pytest.raises(HostError, match=r"can't be downloaded: connection refused") as refused:
        fetch(repository, tmp_path / "jars")
    assert refused.value.exit_code == 3


def test_the_user_s_own_maven_folder_is_reused(repository, tmp_path):
    """A jar in ~/.m2 with the right checksum is not downloaded."""
    for jar in repository.jars:
        own = tmp_path / "home" / ".m2" / "repository" / jar.repository_path
        own.parent.mkdir(parents=True)
        own.write_bytes(Repository.files[f"/maven2/{jar.repository_path}"])
    fetch(repository, tmp_path / "jars")
    assert Repository.requests == []
    assert download.corrupt_jars(repository.jars, tmp_path / "jars") == []


def test_a_flipped_byte_in_a_jar_is_found(repository, tmp_path):
    """It is found although size and modification time are unchanged."""
    fetch(repository, tmp_path / "jars")
    jar = tmp_path / "jars" / "two-1.0.jar"
    before = jar.stat()
    data = bytearray(jar.read_bytes())
    data[1000] ^= 1
    jar.write_bytes(data)
    os.utime(jar, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert [corrupt.file_name for corrupt in download.corrupt_jars(repository.jars, tmp_path / "jars")] == [
        "two-1.0.jar"
    ]
