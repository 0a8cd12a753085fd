from tests.contract import keeps_the_contract
from tests.fakes import FakeRuntime, a_plan


def test_the_fake_keeps_the_contract():
    """The fake that the unit tests use behaves as a runtime must."""
    keeps_the_contract(FakeRuntime(a_plan()), "broker", echo=["cat"])
