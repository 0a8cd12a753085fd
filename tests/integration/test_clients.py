"""Other clients exchange records through the lab's topic orders."""

import itertools
import subprocess
import uuid

import pytest

from tests.integration.other_clients import KAFKAJS, ConfluentKafka, KafkaJs, Kcat, installed

pytestmark = pytest.mark.local


@pytest.fixture(scope="module")
def clients(shared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kafkajs")
    npm = installed("npm")
    command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), KAFKAJS]
    subprocess.run(command, check=True, capture_output=True, timeout=110)
    bootstrap = shared.bootstrap
    return {
        "kcat": Kcat(bootstrap),
        "confluent-kafka": ConfluentKafka(bootstrap),
        "kafkajs": KafkaJs(bootstrap, folder),
    }


@pytest.mark.network
@pytest.mark.parametrize(("writer", "reader"), list(itertools.permutations(["kcat", "confluent-kafka", "kafkajs"], 2)))
def test_each_client_reads_what_another_wrote(clients, writer, reader):
    """For each ordered pair of clients, one reads the new record that the other wrote."""
    fresh = f"{writer}-{uuid.uuid4()}"
    clients[writer].produce(fresh)
    assert fresh in clients[reader].consume(fresh)
