"""Archives in the cache: found in a Maven repository, unpacked, verified again."""

import hashlib
import http.server
import io
import tarfile
import threading
import zipfile
from dataclasses import astuple
from functools import partial

import pytest

from labctl.errors import HostError
from labctl.runtime.base import NullProgress
from labctl.runtime.jvm import unpacked
from labctl.runtime.jvm.download import find_archive
from labctl.runtime.jvm.unpacked import ensure_unpacked
from labctl.version_lock import Jar

COORDINATES = "org.example:plugin:1.0"
KINDS = (("plugin", "tar.gz"), ("", "jar"))


class Repository(http.server.BaseHTTPRequestHandler):
    """A Maven repository: it serves `files`, by their names."""

    files = {}

    def do_GET(self):
        data = self.files.get(self.path.rpartition("/")[2])
        self.send_response(404 if data is None else 200)
        self.send_header("Content-Length", str(len(data or b"")))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data or b"")

    do_HEAD = do_GET  # noqa: N815 - names of the library

    def log_message(self, *_):
        pass


@pytest.fixture
def repository(monkeypatch, tmp_path):
    """The files of a Maven repository, empty at first, and an empty home."""
    Repository.files = {}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Repository)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("LABCTL_MAVEN_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield Repository.files
    server.shutdown()
    server.server_close()


def packed(names, prefix=""):
    """A tar.gz with jars of these names."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        for name in names:
            entry = tarfile.TarInfo(f"{prefix}{name}")
            entry.size = len(name)
            file.addfile(entry, io.BytesIO(name.encode()))
    return buffer.getvalue()


def serve(files, name, data, algorithm="sha256"):
    """Serve a file with its published checksum."""
    files[name] = data
    files[f"{name}.{algorithm}"] = hashlib.new(algorithm, data).hexdigest().encode()


def test_the_first_kind_that_the_repository_has_is_found(repository):
    """With its size and its best published checksum: old artifacts have sha1 alone."""
    serve(repository, "plugin-1.0.jar", b"jar", "sha1")
    found = find_archive(COORDINATES, KINDS)
    assert (found.file_name, found.bytes, found.algorithm) == ("plugin-1.0.jar", 3, "sha1")
    serve(repository, "plugin-1.0-plugin.tar.gz", b"packed")
    found = find_archive(COORDINATES, KINDS)
    assert (found.file_name, found.algorithm) == ("plugin-1.0-plugin.tar.gz", "sha256")
    assert found.digest == hashlib.sha256(b"packed").hexdigest()


def test_coordinates_that_nothing_has(repository):
    """One sentence, with what to check. A file without a checksum is not taken."""
    with pytest.raises(HostError, match=r"the repository has no plugin org.example:plugin:1.0") as missing:
        find_archive(COORDINATES, KINDS)
    assert "GROUP:ARTIFACT:VERSION" in missing.value.hint
    repository["plugin-1.0.jar"] = b"jar"
    with pytest.raises(HostError, match=r"no checksum of plugin-1.0.jar"):
        find_archive(COORDINATES, KINDS)


def test_what_was_unpacked_is_not_downloaded_again(repository, tmp_path):
    """Unless a jar of it was changed."""
    serve(repository, "plugin-1.0-plugin.tar.gz", packed(["one.jar", "lib/two.jar"]))
    searches = []

    def find():
        searches.append(1)
        return find_archive(COORDINATES, KINDS)

    for _ in range(2):
        content = ensure_unpacked(find, tmp_path / "plugin", NullProgress())
    assert sorted(path.name for path in content.rglob("*.jar")) == ["one.jar", "two.jar"]
    assert len(searches) == 1
    (content / "one.jar").write_text("changed")
    ensure_unpacked(find, tmp_path / "plugin", NullProgress())
    assert (len(searches), (content / "one.jar").read_text()) == (2, "one.jar")


def test_a_changed_download_is_refused(repository, tmp_path):
    """Its checksum is another one than the repository publishes."""
    serve(repository, "plugin-1.0-plugin.tar.gz", packed(["one.jar"]))
    repository["plugin-1.0-plugin.tar.gz"] = packed(["two.jar"])
    with pytest.raises(HostError, match=r"plugin-1.0-plugin.tar.gz has wrong content"):
        ensure_unpacked(lambda: find_archive(COORDINATES, KINDS), tmp_path / "plugin", NullProgress())
    assert not (tmp_path / "plugin").exists()


@pytest.mark.parametrize("extension", ["zip", "jar"])
def test_other_kinds_of_archives(tmp_path, extension):
    """A jar is no archive: it stays as it is."""
    archive = tmp_path / f"plugin.{extension}"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("lib/one.jar", "jar")
    unpacked._unpack(archive, tmp_path / "app")
    expected = "one.jar" if extension == "zip" else "plugin.jar"
    assert [path.name for path in (tmp_path / "app").rglob("*.jar")] == [expected]
    assert not archive.exists()


def test_an_archive_that_leaves_its_folder_is_refused(repository, tmp_path):
    """And one that is none."""
    for data in (packed(["evil.jar"], "../../"), b"no archive"):
        archive = Jar(COORDINATES, len(data), hashlib.sha256(data).hexdigest(), "plugin", "tar.gz")
        repository["plugin-1.0-plugin.tar.gz"] = data
        with pytest.raises(HostError, match=r"plugin-1.0-plugin.tar.gz can't be unpacked"):
            ensure_unpacked(partial(Jar, *astuple(archive)), tmp_path / "one" / "two" / "plugin", NullProgress())
    assert not list(tmp_path.rglob("evil.jar"))
