"""The training runs of the services: each runs once, receives the requests of its first minute, and ends.

Its JVM writes its AOT cache (JEP 514) then.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from labctl.errors import LabError
from labctl.plan.model import LabPlan, ServicePlan
from labctl.runtime.jvm import aot_training
from labctl.runtime.jvm import node as nodes
from labctl.runtime.jvm.jvm_options import LocalKafka
from labctl.runtime.jvm.service import JvmService, start_service
from labctl.runtime.jvm.storage import make_storage
from labctl.services import connectors
from labctl.services.api import request
from labctl.services.readiness import probe
from labctl.system.waiting import Deadline, NotReady, wait_until

USE = "service"
SCHEMAS = {
    "AVRO": {"type": "record", "name": "Order", "fields": [{"name": "orderid", "type": "long"}]},
    "JSON": {"type": "object", "properties": {"orderid": {"type": "integer"}}},
}


def record_registry(kafka: LocalKafka, jvm: JvmService, into: Path) -> None:
    """Run a schema registry once, which writes its AOT cache into the folder `into`. Raises LabError, OSError."""
    with _recorded(kafka, into, "schema_registry") as (plan, service, files), _running(jvm, plan, service, files):
        for kind, schema in SCHEMAS.items():
            subject = f"/subjects/training-{kind}"
            body = {"schema": json.dumps(schema), "schemaType": kind}
            found = request(service, f"{subject}/versions", method="POST", body=body)
            request(service, f"/schemas/ids/{found['id']}")
            request(service, f"/compatibility{subject}/versions/latest", method="POST", body=body)
            request(service, subject, method="DELETE")


def record_connect(kafka: LocalKafka, jvm: JvmService, into: Path) -> None:
    """Run a worker of Kafka Connect once, which writes its AOT cache into the folder `into`. Raises LabError, OSError.

    A file source and a file sink run in it, beside a broker.
    """
    with _recorded(kafka, into, "connect") as (plan, service, files):
        node = plan.nodes[0]
        node_files = files.parent / node.name
        nodes.set_up(kafka, plan, node, node_files)
        make_storage(kafka, plan, node, node_files)
        broker = nodes.start(kafka, plan, node, node_files)
        aot_training.wait_for_port(plan, broker)
        with _running(jvm, plan, service, files):
            source, sink = files.parent / "source", files.parent / "sink"
            source.write_text('{"orderid": 1}\n')
            file_source = {"connector.class": "FileStreamSource", "file": str(source), "topic": "training"}
            file_sink = {"connector.class": "FileStreamSink", "file": str(sink), "topics": "training"}
            for name, config in {"source": file_source, "sink": file_sink}.items():
                connectors.apply(service, name, config)
            wait_until(partial(_require_text, sink), what="a record in the sink", deadline=Deadline.after(60))
            for connector in connectors.every_status(service):
                connectors.delete(service, connector.name)


def _require_text(path: Path) -> None:
    if not path.exists() or not path.stat().st_size:
        raise NotReady("it is empty")


@contextlib.contextmanager
def _recorded(kafka: LocalKafka, into: Path, kind: str) -> Iterator[tuple[LabPlan, ServicePlan, Path]]:
    """A lab for the block, its service and the folder of its files; the AOT cache is in `into` afterwards."""
    with aot_training.training_plan(kafka, into.with_name(into.name + aot_training.PARTIAL), kind) as (plan, node):
        service = plan.service(kind)
        if service is None:
            raise LabError(f"the training run has no {kind}")
        caches = Path(plan.state) / "caches"
        caches.mkdir()
        yield plan, service, node.parent / service.name
        if not (caches / f"{USE}.aot").is_file():
            raise LabError(f"Java wrote no AOT cache for {service.name}")
        shutil.rmtree(into, ignore_errors=True)
        caches.replace(into)


@contextlib.contextmanager
def _running(jvm: JvmService, plan: LabPlan, service: ServicePlan, files: Path) -> Iterator[None]:
    """A service that runs in the block, and writes its AOT cache then. Raises LabError where it does not."""
    recording = replace(jvm, recording=str(Path(plan.state) / "caches" / f"{USE}.aot"))
    process = start_service(recording, plan, service, files)
    try:
        wait_until(
            partial(_probe, service, process),
            what=f"{service.name} of the training run",
            deadline=Deadline.after(aot_training.START_SECONDS),
        )
        yield
        process.terminate()
        process.wait(aot_training.ASSEMBLY_SECONDS)
    except subprocess.TimeoutExpired:
        raise LabError(f"{service.name} of the training run did not end in time") from None
    finally:
        process.kill()
        process.wait()


def _probe(service: ServicePlan, process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        raise LabError(f"{service.name} of the training run ended with exit code {process.returncode}")
    probe(service)
