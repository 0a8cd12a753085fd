"""Faults of engines, images, volumes and containers: each function causes one and returns the document of `up`."""

import json
import platform
import shutil
import struct

from labctl.spec.model import default_spec
from tests.integration.docker_command import docker
from tests.integration.labs import OWN_IMAGE, compose_lab

NEWEST = default_spec().kafka.version
MANIFESTS = "application/vnd.docker.distribution.manifest.list.v2+json"
X86_64, AARCH64 = 62, 183  # ELF's numbers of architectures


def engine_stopped(kit):
    """The engine stops while `up` waits for the lab."""
    engine = kit.own_engine()
    up = kit.start(compose_lab("stopped"), until="✓ start")
    engine.stop()
    kit.stack.callback(engine.start)
    return kit.document(up, 3)


def engine_disk_full(kit):
    """The engine's disk is full."""
    engine = kit.own_engine()
    filler = engine.data / "fill"
    kit.stack.callback(filler.unlink)
    kit.fill(filler)
    return kit.up(text=compose_lab("crowded"))


def engine_without_a_subnet(kit):
    """Other networks use all subnets of the engine's address pool."""
    engine = kit.own_engine()
    networks = []
    while engine.docker("network", "create", f"others-{len(networks)}", check=False):
        networks.append(f"others-{len(networks)}")
    kit.stack.callback(engine.docker, "network", "rm", *networks)
    return kit.up(text=compose_lab("crowded"))


def removed_while_starting(kit):
    """The container is removed as soon as it runs."""
    return kit.while_container_starts("removed", "rm", "--force", expect=(3, 4))


def removed_during_the_checks(kit):
    """The container is removed while the clients of the checks use it."""
    up = kit.start(compose_lab("removed"), until="✓ topics")
    docker("rm", "--force", "removed-broker")
    return kit.document(up, 1)


def other_architecture(kit):
    """A local image has programs for another architecture."""
    machine, wanted = (X86_64, "linux/amd64") if platform.machine() == "aarch64" else (AARCH64, "linux/arm64")
    folder = kit.tmp_path / "other"
    folder.mkdir()
    program = folder / "run"
    program.write_bytes(elf(machine))
    program.chmod(0o755)
    copies = [f"COPY run {place}" for place in ("/bin/sh", "/usr/bin/env", "/etc/kafka/docker/run")]
    (folder / "Dockerfile").write_text("\n".join(["FROM scratch", *copies, 'CMD ["/etc/kafka/docker/run"]', ""]))
    image = "labctl-test/other"
    docker("buildx", "build", "--quiet", "--platform", wanted, "--tag", f"{image}:{NEWEST}", str(folder))
    kit.stack.callback(docker, "image", "rm", "--force", f"{image}:{NEWEST}")
    return kit.up(text=compose_lab("other", image=image))


def other_architecture_in_the_registry(kit):
    """A registry has the image only for an architecture that no engine runs on."""
    machine = {"architecture": "pdp11", "os": "linux"}
    entry = {"mediaType": MANIFESTS, "size": 2, "digest": f"sha256:{'1' * 64}", "platform": machine}
    body = json.dumps({"schemaVersion": 2, "mediaType": MANIFESTS, "manifests": [entry]}).encode()
    port = kit.serve(lambda path: (200, {"Content-Type": MANIFESTS}, body if "/manifests/" in path else b"{}"))
    return kit.up(text=compose_lab("other", image=f"127.0.0.1:{port}/kafka"))


def disk_full_on_a_small_volume(kit):
    """The lab's volume is on a disk of 16 MiB that is full."""
    disk = kit.small_disk(16)
    text = compose_lab("small")
    kit.labctl.spec(text)
    kit.labctl.run("up", "--checks", "none", check=True)
    kit.labctl.run("stop", check=True)
    docker("rm", "small-broker")
    volume = "labctl-small_broker-data"
    labels = json.loads(docker("volume", "inspect", volume))[0]["Labels"]
    docker("volume", "rm", volume)
    options = [f"--label={key}={value}" for key, value in labels.items()]
    docker("volume", "create", *options, "--opt=type=none", "--opt=o=bind", f"--opt=device={disk}", volume)
    shutil.chown(disk, 1000, 1000)
    kit.fill(disk / "fill")
    return kit.up(text=text)


def other_cluster_in_the_volume(kit):
    """The volume has the data of another lab."""
    text = compose_lab("other")
    kit.labctl.spec(text)
    kit.labctl.run("up", check=True)
    kit.labctl.run("stop", check=True)
    edit = "sed -i s/^cluster.id=.*/cluster.id=Vn1XM1uGRvWwgCzaQ6Ebxw/ /data/meta.properties"
    volume = ("--volume", "labctl-other_broker-data:/data")
    docker("run", "--rm", "--user=0", *volume, f"{OWN_IMAGE}:{NEWEST}", "sh", "-c", edit)
    return kit.up(text=text)


def elf(machine):
    """Return the smallest ELF program for an architecture. It is never run."""
    start, whole = 0x400000, 120
    head = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, start + whole, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return head + struct.pack("<IIQQQQQQ", 1, 5, 0, start, start, whole, whole, 4096)
