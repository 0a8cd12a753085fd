"""`labctl controller` in both runtimes: voters come and go while a program writes."""

import re

import pytest

from tests.integration.labs import compose_lab
from tests.integration.polling import read_url
from tests.integration.writer import Writer, numbers

pytestmark = [pytest.mark.timeout(400)]

LOCAL = "kafka: {brokers: 1, controllers: 3, quorum: dynamic}\nlisteners: {external: {port: auto}}\nui: {port: auto}\n"
COMPOSE = compose_lab("voters", ", brokers: 1, controllers: 3, quorum: dynamic").replace("kind: none", "port: auto")
RUNTIMES = [pytest.param("local", marks=pytest.mark.local), pytest.param("compose", marks=pytest.mark.docker)]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_voters_come_and_go_while_a_program_writes(request, runtime):
    """Nothing is lost or written twice; afterwards the lab stops, resumes and passes its checks with other voters."""
    labctl = request.getfixturevalue("labctl" if runtime == "local" else "engine_labctl")
    labctl.spec(LOCAL if runtime == "local" else COMPOSE)
    labctl.run("up", check=True)
    bootstrap = labctl.json("status")["endpoints"]["external"]
    writer = Writer(bootstrap)
    writer.start()
    try:
        added = labctl.json("controller", "add")
        assert (added["node"], len(added["quorum"]["voters"])) == ("controller-4", 4)
        page = read_url(labctl.json("status")["endpoints"]["ui"], 60)
        assert re.search(r"<td>controller-4</td>.*?>(voter|leader)<", page, re.DOTALL)
        labctl.run("node", "kill", "controller-1", check=True)
        removed = labctl.json("controller", "remove", "controller-1")
        assert sorted(voter["id"] for voter in removed["quorum"]["voters"]) == [102, 103, 104]
        leader = removed["quorum"]["leader"]
        labctl.run("controller", "add", check=True)
        labctl.run("controller", "remove", f"controller-{leader - 100}", check=True)
    finally:
        writer.end()
    assert writer.errors == []
    assert len(writer.acknowledged) > 100
    assert numbers(bootstrap) == writer.acknowledged
    labctl.run("stop", check=True)
    labctl.run("up", check=True)
    labctl.run("check", check=True)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_without_a_majority_nothing_is_decided_and_up_is_the_way_back(request, runtime):
    """`controller` refuses at once, `status` says what does not respond."""
    labctl = request.getfixturevalue("labctl" if runtime == "local" else "engine_labctl")
    labctl.spec(LOCAL if runtime == "local" else COMPOSE)
    labctl.run("up", check=True)
    labctl.run("node", "kill", "controller-1", check=True)
    away = labctl.json("node", "kill", "controller-2")
    assert away["detail"] == "1 of 3 voters run: without a majority the quorum has no leader"
    labctl.run("up", check=True)
    assert len(labctl.json("status")["quorum"]["voters"]) == 3


@pytest.mark.local
def test_a_secure_dynamic_quorum(labctl):
    """Controllers authenticate each other by certificate, and the key that signs these is not kept."""
    labctl.spec(LOCAL + "security: {protocol: sasl_ssl}\n")
    labctl.run("up", check=True)
    done = labctl.run("controller", "add")
    assert (done.returncode, "a CA whose key is not kept" in done.stderr) == (2, True)
    labctl.run("controller", "remove", "controller-2", check=True)
    labctl.run("check", check=True)


@pytest.mark.local
def test_combined_nodes_may_have_a_dynamic_quorum(labctl):
    """Its voters stay, and the lab passes its checks on the oldest Kafka that has one."""
    labctl.spec('kafka: {brokers: 3, quorum: dynamic, version: "4.1.2"}\nlisteners: {external: {port: auto}}\n')
    labctl.run("up", check=True, timeout=300)
    done = labctl.run("controller", "add")
    assert (done.returncode, "combined nodes" in done.stderr) == (2, True)
