"""The training run: a small lab whose JVMs record AOT caches (JEP 514), and the storage that later labs copy."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from labctl.constants import INTERNAL_PORT
from labctl.errors import LabError, RuntimeFailed
from labctl.plan.model import Decision, Identity, LabPlan
from labctl.plan.planner import make_plan
from labctl.runtime.jvm import node as nodes
from labctl.runtime.jvm.jvm_options import USES, LocalKafka
from labctl.runtime.jvm.node_files import render_nodes
from labctl.runtime.jvm.service_files import render_services
from labctl.runtime.jvm.storage import copy_records, format_storage, make_storage
from labctl.state.identity import internal_address, new_cluster_id
from labctl.system.files import write_files
from labctl.system.host import gather
from labctl.system.ports import free_ports
from labctl.system.processes import kill, of_lab
from labctl.system.waiting import Deadline, NotReady, wait_until

START_SECONDS = 60
TOOL_SECONDS = 60
ASSEMBLY_SECONDS = 120  # a JVM writes its cache when it ends
PARTIAL = ".making"  # ends the name of a folder that is not complete yet


def make_storage_template(kafka: LocalKafka, into: Path) -> None:
    """Format a node's storage once, for all labs of this Kafka to copy. Raises LabError, OSError."""
    with training_plan(kafka, into.with_name(into.name + PARTIAL)) as (plan, files):
        node = plan.nodes[0]
        nodes.set_up(kafka, plan, node, files)
        format_storage(kafka, plan, node, files)
        template = files.parent / "template"
        copy_records(kafka.version, nodes.node_folder(plan, node) / "data", template)
        shutil.rmtree(into, ignore_errors=True)
        template.replace(into)


def record_caches(kafka: LocalKafka, into: Path) -> None:
    """Run a broker and the console tools once, each writing the AOT cache of its use into `into`.

    Raises LabError, OSError.
    """
    making = into.with_name(into.name + PARTIAL)
    with training_plan(kafka, making) as (plan, files):
        caches = making / "caches"
        caches.mkdir()
        recording = kafka.recorded_into(caches)
        node = plan.nodes[0]
        nodes.set_up(recording, plan, node, files)
        make_storage(recording, plan, node, files)
        nodes.write_scripts(recording, plan, node)
        broker = nodes.start(recording, plan, node, files)
        try:
            wait_for_port(plan, broker)
            _use(plan)
            broker.terminate()
            broker.wait(ASSEMBLY_SECONDS)
        except subprocess.TimeoutExpired:
            raise LabError("the training run did not end in time") from None
        finally:
            broker.kill()
            broker.wait()
        missing = [use for use in USES if not (caches / f"{use}.aot").is_file()]
        if missing:
            raise LabError(f"Java wrote no AOT cache for {', '.join(missing)}")
        shutil.rmtree(into, ignore_errors=True)
        caches.replace(into)


@contextlib.contextmanager
def training_plan(kafka: LocalKafka, folder: Path, service: str = "") -> Iterator[tuple[LabPlan, Path]]:
    """Yield the plan of a lab for one training run, with a service of a kind, and its node's files in `folder`.

    Its processes are ended and the folder is deleted afterwards. Raises LabError, OSError.
    """
    kill(of_lab(str(folder)))  # of a training run that was killed
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        facts = gather()
        identity = Identity(
            cluster_id=new_cluster_id(),
            state=str(folder),
            external_port=free_ports("127.0.0.1", 1),
            service_ports=((service, free_ports("127.0.0.1", 1)),),
            **internal_address(1, facts, reserved={INTERNAL_PORT}),  # left to a lab
        )
        from labctl.spec.model import LabSpec  # the lab page loads this module too, and needs no pydantic

        services = {service: {"port": "auto"}} if service else {}
        keys = {"name": "training", "kafka": {"version": kafka.version}, "services": services}
        spec = LabSpec.model_validate(keys)
        plan = make_plan(spec, Decision("local", "training run"), facts, identity)
        write_files(
            render_nodes(plan) | render_services(plan), folder / "files", "name another cache in XDG_CACHE_HOME"
        )
        yield plan, folder / "files" / plan.nodes[0].name
    finally:
        kill(of_lab(str(folder)))
        shutil.rmtree(folder, ignore_errors=True)


def wait_for_port(plan: LabPlan, broker: subprocess.Popen[bytes]) -> None:
    """Wait until the broker of a training run accepts connections. Raises LabError."""
    port = plan.nodes[0].listener("EXTERNAL").port

    def probe() -> None:
        if broker.poll() is not None:
            raise LabError(f"the training broker ended with exit code {broker.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError as error:
            raise NotReady(str(error)) from error

    wait_until(probe, what=f"port {port} of the training broker", deadline=Deadline.after(START_SECONDS))


def _use(plan: LabPlan) -> None:
    """Send the requests of a lab's first minute: readiness, topics, checks."""
    from labctl.kafka.client import KafkaClient

    with KafkaClient(plan.bootstrap) as client:
        client.quorum()
        client.broker_endpoints()
        client.create_topics({"training": (3, 1, {}), "training-transactions": (1, 1, {})})
        client.produce("training", [(None, b"one"), (b"key", b"two")])
        client.produce_transactions("training", "labctl-training", [(b"three", True)])
        client.produce_transactions("training-transactions", "labctl-training", [(b"no", False), (b"yes", True)])
        client.read("training-transactions", until=1, committed_only=True)
        _tool(plan, "kafka-console-producer.sh", b"four\nfive\n")
        _tool(plan, "kafka-console-consumer.sh", None, "--from-beginning", "--max-messages", "5", "--group", "training")
        with client.member("training", "training-host") as first, client.member("training", "training-host") as second:
            for member in (first, second, first, second):
                member.poll(1)
                member.commit()
        client.committed_offsets("training-host")
        client.groups()
        client.topics()
        client.delete_topics(["training", "training-transactions"])
        client.delete_groups(["training", "training-host"])


def _tool(plan: LabPlan, script: str, stdin: bytes | None, *options: str) -> None:
    node = plan.nodes[0]
    command = [str(nodes.node_folder(plan, node) / "bin" / script), "--bootstrap-server", plan.internal_bootstrap]
    try:
        done = subprocess.run(
            [*command, "--topic", "training", *options],
            input=stdin,
            capture_output=True,
            timeout=TOOL_SECONDS,
            check=False,
            env=dict(nodes.script_environment(plan, node)),
        )
    except subprocess.TimeoutExpired:
        raise RuntimeFailed(script, None, "") from None
    if done.returncode:
        raise RuntimeFailed(script, done.returncode, done.stderr.decode(errors="replace")[-2000:])
