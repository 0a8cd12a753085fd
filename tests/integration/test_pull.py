"""A pull from a registry of this test, the only one that a machine without a way out has."""

import contextlib
import gzip
import hashlib
import io
import json
import tarfile

import pytest

from labctl.errors import RuntimeFailed
from labctl.runtime.docker.engine import Engine
from tests.integration.docker_command import docker
from tests.integration.fault_kit import Kit

pytestmark = pytest.mark.docker

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def test_an_image_is_pulled(docker_engine, tmp_path):
    """It is here afterwards, and nothing waits for more."""
    with a_registry(tmp_path) as image:
        assert not Engine().has_image(image)
        Engine().pull(image)
        assert Engine().has_image(image)
        docker("image", "rm", image)


def test_a_pull_that_fails_in_an_unknown_way_is_told_in_docker_s_words(docker_engine, tmp_path):
    """Not in those of its progress."""
    with a_registry(tmp_path, status=418, refusal=b"a teapot") as image, pytest.raises(RuntimeFailed) as failed:
        Engine().pull(image)
    assert failed.value.output.splitlines()[-1].endswith("a teapot")
    assert "Pulling fs layer" not in failed.value.output


@contextlib.contextmanager
def a_registry(tmp_path, status=200, refusal=b""):
    """The name of an image in a registry, which gives its parts with `status`, or a refusal in their place."""
    layer, packed = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("empty"))
    with gzip.open(packed, "w") as file:
        file.write(layer.getvalue())
    parts = {"type": "layers", "diff_ids": [digest(layer.getvalue())]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": parts}).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": entry("application/vnd.docker.container.image.v1+json", config),
        "layers": [entry("application/vnd.docker.image.rootfs.diff.tar.gzip", packed.getvalue())],
    }
    blobs = {digest(one): one for one in (config, packed.getvalue())}

    def answer(path):
        kind, _, name = path.partition("/tiny/")[2].partition("/")
        if kind == "blobs":
            return status, {}, refusal or blobs[name]
        found = json.dumps(manifest).encode() if kind == "manifests" else b"{}"
        return 200, {"Content-Type": MANIFEST, "Docker-Content-Digest": digest(found)}, found

    with contextlib.ExitStack() as stack:
        yield f"127.0.0.1:{Kit(None, tmp_path, stack).serve(answer)}/tiny:1"


def digest(data):
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def entry(kind, data):
    return {"mediaType": kind, "size": len(data), "digest": digest(data)}
