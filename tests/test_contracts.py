"""The fakes of the unit tests pass the same contracts as the real runtimes and the real client."""

import inspect
import re

from labctl.runtime.base import Runtime
from tests import kafka_contract, runtime_contract
from tests.fakes import FakeKafka, FakeRuntime, a_plan


def test_the_fake_runtime_keeps_the_contract(tmp_path):
    """LocalRuntime and ComposeRuntime pass the same contract in tests/integration."""
    runtime_contract.keeps_the_contract(FakeRuntime(a_plan()), "broker", tmp_path)


def test_the_fake_kafka_keeps_the_contract():
    """KafkaClient passes the same contract in tests/integration/test_homework.py."""
    kafka_contract.keeps_the_contract(FakeKafka(a_plan()))


def test_the_contract_covers_every_method_of_a_runtime():
    """Each public method of Runtime is called in the contract."""
    methods = {name for name in vars(Runtime) if not name.startswith("_")}
    assert methods == set(re.findall(r"\bruntime\.(\w+)\(", inspect.getsource(runtime_contract)))
