"""The homework on images that behave like apache/kafka: each Java, with CDS archives that fit, that don't, or none."""

import re

import pytest

from labctl.spec.model import HOMEWORK_RECORDS
from scripts.stock_like_image import KINDS
from tests.integration.conftest import build_stock_like
from tests.integration.labs import compose_lab

pytestmark = [pytest.mark.docker, pytest.mark.network, pytest.mark.timeout(600)]  # an image may have to be built


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"java{kind.java}-{kind.archives}")
def test_a_lab_on_an_image_like_apache_kafka_s(docker_engine, engine_labctl, kind):
    """`auto` uses the image that is present. All checks pass, and what a JVM logs is not taken for records."""
    build_stock_like(kind.repository)
    text = compose_lab("images", image=kind.repository).replace("quick", "full")
    engine_labctl.spec(text.replace("runtime: compose", "runtime: auto"))
    up = engine_labctl.run("up", check=True)
    assert re.search(f"runtime compose, auto: Docker Engine .* responds and has {kind.repository}:", up.stderr)
    passed = {check["name"] for check in engine_labctl.json("check")["checks"] if check["status"] == "passed"}
    assert {"console-to-host", "host-to-console", "share-group"} <= passed
    read = engine_labctl.tool(
        *("kafka-console-consumer.sh", "--topic", "orders", "--from-beginning", "--max-messages", "3"),
        *("--bootstrap-server", "broker:9092", "--timeout-ms", "20000"),
    )
    assert sorted(read.stdout.splitlines()) == sorted(HOMEWORK_RECORDS)
    assert "[cds]" not in read.stderr
