"""Changed files are found by their checksums."""

import hashlib
import os

from labctl.runtime.jvm import checksums
from labctl.runtime.jvm.aot_caches import corrupt_caches
from labctl.runtime.jvm.jvm_options import SUMS, USES


def test_a_flipped_byte_in_an_aot_cache_is_found(tmp_path):
    """It is found although size and modification time are unchanged: a JVM would not notice it, and crash."""
    files = {use: tmp_path / f"{use}.aot" for use in USES}
    for use, path in files.items():
        path.write_bytes(use.encode() * 1000)
    sums = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files.values())
    assert corrupt_caches(tmp_path, USES) == ["broker.aot", "consumer.aot", "producer.aot", "storage.aot"]
    (tmp_path / SUMS).write_text(sums)
    assert corrupt_caches(tmp_path, USES) == []
    before = files["consumer"].stat()
    data = bytearray(files["consumer"].read_bytes())
    data[1000] ^= 1
    files["consumer"].write_bytes(data)
    os.utime(files["consumer"], ns=(before.st_atime_ns, before.st_mtime_ns))
    files["storage"].unlink()
    assert corrupt_caches(tmp_path, USES) == ["consumer.aot", "storage.aot"]


def test_an_unchanged_file_is_not_read_again(tmp_path, monkeypatch):
    """It is read again if it was just written or has changed, after a boot, and without a checksum cache."""
    read = []

    def recorded_sha256(path):
        read.append(path.name)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    monkeypatch.setattr(checksums, "sha256", recorded_sha256)
    monkeypatch.setattr(checksums, "boot_id", lambda: "this boot")
    jar = tmp_path / "kafka.jar"
    jar.write_bytes(b"1")
    sums = {jar: hashlib.sha256(b"1").hexdigest()}

    def check(checksum_cache=tmp_path / "checksums.json"):
        read.clear()
        return checksums.mismatched(sums, checksum_cache), list(read)

    assert check() == ([], ["kafka.jar"])
    assert check() == ([], ["kafka.jar"])  # a later write may still have the same ctime
    monkeypatch.setattr(checksums, "SETTLED_SECONDS", -1)
    assert check() == ([], ["kafka.jar"])
    assert check() == ([], [])
    assert check(None) == ([], ["kafka.jar"])
    monkeypatch.setattr(checksums, "boot_id", lambda: "the next boot")
    assert check() == ([], ["kafka.jar"])
    assert check() == ([], [])
    before = jar.stat()
    while jar.stat().st_ctime_ns == before.st_ctime_ns:  # until the clock's next tick
        jar.write_bytes(b"2")
        os.utime(jar, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert check() == ([jar], ["kafka.jar"])
    monkeypatch.setattr(checksums, "boot_id", lambda: "")
    jar.write_bytes(b"1")
    assert check() == ([], ["kafka.jar"])
    assert check() == ([], ["kafka.jar"])
