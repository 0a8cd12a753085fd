"""The fakes of the unit tests keep the contracts that the real runtimes and the real client keep."""

import inspect
import re

from labctl.runtime.base import Runtime
from tests import kafka_contract, runtime_contract
from tests.fakes import FakeKafka, FakeRuntime, a_plan


def test_the_fake_runtime_keeps_the_contract():
    """As LocalRuntime and ComposeRuntime do (tests/integration)."""
    runtime_contract.keeps_the_contract(FakeRuntime(a_plan()), "broker")


def test_the_fake_kafka_keeps_the_contract():
    """As KafkaClient does (tests/integration/test_homework.py)."""
    kafka_contract.keeps_the_contract(FakeKafka(a_plan()))


def test_the_contract_covers_every_method_of_a_runtime():
    """A method that is added to Runtime is added to its contract."""
    methods = {name for name in vars(Runtime) if not name.startswith("_")}
    assert methods == set(re.findall(r"\bruntime\.(\w+)\(", inspect.getsource(runtime_contract)))
