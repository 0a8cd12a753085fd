"""Pulls from a registry that the test starts, which works without a network."""

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
    """The engine has the image afterwards."""
    with a_registry(tmp_path) as image:
        assert not Engine().has_image(image)
        Engine().pull(image)
        assert Engine().has_image(image)
        docker("image", "rm", image)


def test_an_unknown_error_of_a_pull_is_quoted(docker_engine, tmp_path):
    """The error quotes docker's message, not the progress of the pull."""
    with a_registry(tmp_path, status=418, refusal=b"a teapot") as image, pytest.raises(RuntimeFailed) as failed:
        Engine().pull(image)
    assert failed.value.output.splitlines()[-1].endswith("a teapot")
    assert "Pulling fs layer" not in failed.value.output


@contextlib.contextmanager
def a_registry(tmp_path, status=200, refusal=b""):
    """Yield the name of an image in a registry that sends the blobs with `status`, or `refusal` in their place."""
    layer, packed = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("empty"))
    with gzip.open(packed, "w") as file:
        file.write(layer.getvalue())
    root_file_system = {"type": "layers", "diff_ids": [digest(layer.getvalue())]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": root_file_system}).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": entry("application/vnd.docker.container.image.v1+json", config),
        "layers": [entry("application/vnd.docker.image.rootfs.diff.tar.gzip", packed.getvalue())],
    }
    blobs = {digest(blob): blob for blob in (config, packed.getvalue())}

    def respond(path):
        kind, _, name = path.partition("/tiny/")[2].partition("/")
        if kind == "blobs":
            return status, {}, refusal or blobs[name]
        body = json.dumps(manifest).encode() if kind == "manifests" else b"{}"
        return 200, {"Content-Type": MANIFEST, "Docker-Content-Digest": digest(body)}, body

    with contextlib.ExitStack() as stack:
        yield f"127.0.0.1:{Kit(None, tmp_path, stack).serve(respond)}/tiny:1"


def digest(data):
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def entry(kind, data):
    return {"mediaType": kind, "size": len(data), "digest": digest(data)}
