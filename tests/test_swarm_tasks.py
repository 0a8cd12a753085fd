"""What a swarm's manager reports of a service and its tasks, and the state of the node that it is."""

from labctl.runtime.swarm.tasks import cant_start, decisive_task, has_place, task_state, why_it_waits


def service(replicas=1, changed=10):
    return {"Spec": {"Mode": {"Replicated": {"Replicas": replicas}}}, "UpdatedAt": at(changed)}


def at(second):
    return f"2026-11-01T00:00:{second:02}.123456789Z"


def task(state, created, wanted="running", error="", code=0):
    status = {"State": state, "Timestamp": at(created + 1), "Err": error, "ContainerStatus": {"ExitCode": code}}
    return {"Status": status, "DesiredState": wanted, "CreatedAt": at(created)}


def test_a_task_that_runs_decides():
    """Whatever ended before it."""
    running, failed = task("running", 20), task("failed", 15, wanted="shutdown")
    assert decisive_task(service(), [running, failed]) is running


def test_a_task_that_must_end_does_not_run():
    """The engine is asked whether the container of a stopped node still runs."""
    ending = task("running", 15, wanted="shutdown")
    assert decisive_task(service(replicas=0), [ending]) is ending


def test_the_first_end_since_the_last_change_counts():
    """Swarm starts a node again and again; what it printed at its end is worth more than that it starts."""
    starting, failed = task("starting", 20), task("failed", 15, wanted="shutdown", code=1)
    assert decisive_task(service(), [starting, failed]) == failed
    assert decisive_task(service(changed=17), [starting, failed]) == starting


def test_a_node_that_starts_runs():
    """For a lab, a node is there from the moment that Swarm starts it."""
    assert task_state("broker-1", task("preparing", 20)).state == "running"
    assert task_state("broker-1", None).state == "exited"
    assert task_state("broker-1", task("assigned", 20, wanted="remove")).state == "exited"


def test_a_node_that_no_node_of_the_swarm_can_run():
    """The reason is Swarm's own."""
    waiting = task("pending", 20, error="no suitable node (host-mode port already in use on 1 node)")
    assert not has_place(waiting)
    reason = why_it_waits(waiting)
    assert cant_start("broker-1", reason, "").fault == "port-taken"
    assert cant_start("broker-1", "no suitable node (1 node not available)", "").fault == "swarm-node-away"
    state = task_state("broker-1", waiting)
    assert (state.state, state.reason) == ("exited", "no suitable node (host-mode port already in use on 1 node)")


def test_the_exit_code():
    """Of a task whose container is gone."""
    state = task_state("broker-1", task("failed", 20, code=137, error="task: non-zero exit (137)"))
    assert (state.exit_code, state.reason) == (137, "task: non-zero exit (137)")
