"""The contract of a runtime: the fake runtime, the local runtime and the compose runtime pass it.

The runtime has one node, which does not exist yet.
"""

import json
from pathlib import Path

import pytest

from labctl.errors import SpecError
from labctl.system.waiting import Deadline, NotReady, wait_until

SECONDS = 30


def keeps_the_contract(runtime, node, folder):
    """Check every method of `Runtime`, from a lab that does not exist to a lab that is removed."""
    assert _states(runtime) == ["missing"]
    assert runtime.logs(node, tail=None) == ""
    assert runtime.down() == []
    _refuses_unknown_nodes(runtime)
    runtime.prepare()
    runtime.up()
    runtime.up()
    assert _states(runtime) == ["running"]
    _reports_its_state(runtime, node)
    _runs_programs(runtime, node)
    _returns_its_log(runtime, node)
    runtime.stop()
    runtime.stop()
    assert _states(runtime) == ["exited"]
    runtime.up()
    assert _states(runtime) == ["running"]
    _isolates(runtime, node)
    _freezes(runtime, node)
    runtime.stop([node])
    assert _states(runtime) == ["exited"]
    _keeps_its_data(runtime, node, folder)
    runtime.up([node])
    assert _states(runtime) == ["running"]
    runtime.kill([node])
    runtime.kill([node])
    assert _states(runtime) == ["exited"]
    runtime.up()
    runtime.remove([node])
    runtime.remove([node])
    assert _states(runtime) == ["missing"]
    runtime.up()
    assert any(node in line for line in runtime.down())
    assert "running" not in _states(runtime)
    assert runtime.down() == []


def _states(runtime):
    return [node.state for node in runtime.nodes()]


def _refuses_unknown_nodes(runtime):
    """The error lists the existing nodes."""
    calls = (
        lambda: runtime.logs("nobody", tail=1),
        lambda: next(runtime.follow_logs("nobody", tail=1)),
        lambda: runtime.inspect("nobody"),
        lambda: runtime.stop(["nobody"]),
        lambda: runtime.up(["nobody"]),
        lambda: runtime.kill(["nobody"]),
        lambda: runtime.pause(["nobody"]),
        lambda: runtime.resume(["nobody"]),
        lambda: runtime.remove(["nobody"]),
        lambda: runtime.exec("nobody", ["true"], None, SECONDS),
        lambda: runtime.exec_interactive("nobody", ["true"], tty=False),
    )
    for call in calls:
        with pytest.raises(SpecError, match="there is no node nobody; there are broker"):
            call()


def _reports_its_state(runtime, node):
    (state,) = runtime.nodes(memory=True)
    assert (state.name, state.exit_code, state.reason) == (node, None, "")
    assert state.memory > 0
    assert node in json.dumps(json.loads(runtime.inspect(node)))
    versions = runtime.versions()
    assert versions
    assert all(versions.values())
    assert runtime.ui() is None
    assert runtime.services() == []
    assert runtime.start_again(node) is False  # the node is running


def _keeps_its_data(runtime, node, folder):
    """What was saved of a node that does not run is there again when it is loaded."""
    if folder is None:  # the data are on other machines
        with pytest.raises(SpecError, match="has no snapshots"):
            runtime.save_data(node, Path("/nonexistent/labctl"))
        with pytest.raises(SpecError, match="has no snapshots"):
            runtime.load_data(node, Path("/nonexistent/labctl"))
        return
    runtime.save_data(node, folder / "saved")
    runtime.load_data(node, folder / "saved")
    assert "running" not in _states(runtime)
    runtime.save_data(node, folder / "again")
    first, second = (
        {path.relative_to(folder / name): path.read_bytes() for path in (folder / name).rglob("*") if path.is_file()}
        for name in ("saved", "again")
    )
    assert first == second
    assert Path("meta.properties") in first


def _freezes(runtime, node):
    """A frozen node runs, with a reason why it does not work; it can be stopped."""
    runtime.pause([node])
    runtime.pause([node])
    assert _reason(runtime).startswith("frozen: ")
    runtime.resume([node])
    runtime.resume([node])
    assert _reason(runtime) == ""
    runtime.pause([node])


def _isolates(runtime, node):
    """A node that is cut off runs, with that reason; a runtime whose nodes share a network says why it can't."""
    try:
        runtime.isolate([node])
    except SpecError:
        with pytest.raises(SpecError, match="can't be isolated: "):
            runtime.isolate([node])
        return
    runtime.isolate([node])
    assert _reason(runtime).startswith("isolated: ")
    runtime.resume([node])
    assert _reason(runtime) == ""


def _reason(runtime):
    (state,) = runtime.nodes()
    assert state.state == "running"
    return state.reason


def _runs_programs(runtime, node):
    """Check standard input, output and error, the exit code, and that a program ends at its timeout."""
    echoed = runtime.exec(node, ["sh", "-c", "cat; echo problem >&2; exit 7"], b"hello\n", SECONDS)
    assert (echoed.exit_code, echoed.stdout, echoed.stderr) == (7, b"hello\n", b"problem\n")
    assert "sh -c" in echoed.command
    assert runtime.exec(node, ["sh", "-c", "while :; do :; done"], None, 1).exit_code is None
    assert runtime.exec_interactive(node, ["sh", "-c", "exit 7"], tty=False) == 7


def _returns_its_log(runtime, node):
    def require_two_lines():
        if len(runtime.logs(node, tail=None).splitlines()) < 2:
            raise NotReady("fewer than two lines")

    wait_until(require_two_lines, what="the log", deadline=Deadline.after(SECONDS))
    assert runtime.logs(node, tail=0) == ""
    assert len(runtime.logs(node, tail=1).splitlines()) == 1
    assert next(runtime.follow_logs(node, tail=None)) == runtime.logs(node, tail=None).splitlines(keepends=True)[0]
