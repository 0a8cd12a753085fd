"""What every runtime promises, the fake one too. `runtime` is fresh; `running` and so on are its node's states."""

import time

import pytest

from labctl.errors import SpecError


def keeps_the_contract(runtime, node, *, echo):
    """Walk a runtime from nothing to nothing."""
    assert [one.state for one in runtime.nodes()] == ["missing"]
    assert runtime.down() == []
    runtime.prepare()
    runtime.up()
    runtime.up()
    assert [(one.name, one.state) for one in runtime.nodes()] == [(node, "running")]
    assert runtime.exec(node, echo, b"hello\n", 30).stdout == b"hello\n"
    give_up = time.monotonic() + 20
    while len(runtime.logs(node, tail=None).splitlines()) < 2 and time.monotonic() < give_up:
        time.sleep(0.1)
    assert runtime.logs(node, tail=0) == ""
    assert len(runtime.logs(node, tail=1).splitlines()) == 1
    assert len(runtime.logs(node, tail=None).splitlines()) > 1
    assert next(runtime.follow_logs(node, tail=None)) == runtime.logs(node, tail=None).splitlines(keepends=True)[0]
    runtime.stop()
    runtime.stop()
    assert [one.state for one in runtime.nodes()] == ["exited"]
    runtime.up()
    assert [one.state for one in runtime.nodes()] == ["running"]
    assert runtime.ui() is None
    assert any(node in line for line in runtime.down())
    assert runtime.down() == []


def refuses_unknown_nodes(runtime):
    """A wrong node name is answered with the right ones."""
    with pytest.raises(SpecError, match="there is no node nobody; there are broker"):
        runtime.logs("nobody", tail=1)
