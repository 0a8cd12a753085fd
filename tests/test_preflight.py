"""What is refused before a lab is created, and ports that other programs take."""

import pytest

from labctl.errors import HostError, NodeDied, SpecError
from labctl.lab import lifecycle
from labctl.lab.reporter import NullReporter
from labctl.spec.loader import parse_spec
from labctl.state.identity import new_identity
from labctl.system.ports import PortUser
from tests.fake_lab import TEXT
from tests.fakes import FACTS


def test_bad_input_is_refused_before_the_machine_is_examined(fake_lab, monkeypatch):
    """A version without a version lock file exits with 2 on every machine."""

    def examine(*_args, **_kwargs):
        raise HostError("this machine was examined")

    monkeypatch.setattr("labctl.lab.preflight.refuse_unfit", examine)
    monkeypatch.setattr("labctl.system.ports.require", examine)
    with pytest.raises(SpecError, match=r"there is no version lock file for Kafka 4\.0\.0"):
        fake_lab.up(TEXT + 'runtime: local\nkafka: {version: "4.0.0"}\n')
    assert fake_lab.store.names() == []


def test_a_taken_port_is_found_before_anything_starts(fake_lab):
    """The error has exit code 3 and the port; the runtime has not even prepared."""
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(HostError, match=f"port {port} on 127.0.0.1 is in use"):
            fake_lab.up(TEXT.replace("auto", str(port)))
    assert "prepare" not in fake_lab.runtime.calls
    assert fake_lab.store.names() == []


def port_race(fake_lab, lost):
    """Let another program take the port before each of the first `lost` starts; return the attempts."""
    starts = []

    def up():
        starts.append(fake_lab.runtime.plan.bootstrap)
        if len(starts) <= lost:
            raise NodeDied("node broker ended: Address already in use", fault="port-taken")
        type(fake_lab.runtime).up(fake_lab.runtime)

    fake_lab.on_up = up
    return starts


def test_a_chosen_port_that_is_taken_meanwhile_is_chosen_again(fake_lab):
    """It is chosen again twice; a third loss is an error. Nothing of the lost starts remains."""
    starts = port_race(fake_lab, lost=2)
    assert fake_lab.up().status == "passed"
    assert len(starts) == 3
    lifecycle.down("lab", fake_lab.store, NullReporter())
    starts[:] = []
    port_race(fake_lab, lost=3)
    with pytest.raises(NodeDied):
        fake_lab.up()
    assert fake_lab.store.names() == []


def test_a_port_that_lab_yaml_names_is_not_chosen_again(fake_lab):
    """The user requested exactly this port."""
    starts = port_race(fake_lab, lost=1)
    with pytest.raises(NodeDied):
        fake_lab.up(TEXT.replace("auto", "29094"))
    assert len(starts) == 1


def test_a_work_folder_that_can_t_be_written(fake_lab):
    """Exit code 3 with the path; the lab is removed."""
    fake_lab.folder.parent.parent.mkdir(parents=True, exist_ok=True)
    fake_lab.folder.parent.write_text("a file where the folder should be")
    with pytest.raises(HostError, match="can't be written"):
        fake_lab.up()
    assert fake_lab.store.names() == []


def test_inner_ports_beside_an_external_port_9092(monkeypatch):
    """They are others then, and a program that has one of them on every address is named."""
    monkeypatch.setattr("labctl.system.ports.is_free", lambda _address, port: port != 19092)
    monkeypatch.setattr("labctl.system.ports.port_user", lambda _address, _port: PortUser("other (pid 7)"))
    plain = new_identity(parse_spec(""), FACTS, state="/s", others=())
    assert (plain.internal_port, plain.controller_port) == (9092, 9093)
    spec = parse_spec("listeners: {external: {port: 9092}}")
    with pytest.raises(HostError, match=r"the ports 19092 and 19093 free: they are in use by other \(pid 7\)"):
        new_identity(spec, FACTS, state="/s", others=())
