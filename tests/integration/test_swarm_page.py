"""docs/swarm.md: its commands are typed on three machines in no swarm, and print what the page shows."""

import pytest

from scripts.swarm_on_one_machine import down, label_engines, objects, start_machines, worker_token
from tests.integration.documents import STOCK, blocks, shown_as, stock_image, type_in_bash
from tests.integration.labs import SOURCE
from tests.integration.swarm import require_machines, swarm_labctl

pytestmark = [pytest.mark.swarm, pytest.mark.timeout(600)]

MACHINES = ["on the first machine", "on the second machine", "on the third machine"]


@pytest.fixture
def machines(docker_engine):
    """Three machines in no swarm, with the stock image."""
    require_machines()
    with stock_image():
        machines = start_machines(3, [STOCK])
    yield machines
    down()


def test_the_page(tmp_path, machines):
    """Each command succeeds on its machine, and prints what the page shows."""
    labctl = swarm_labctl(tmp_path / "labctl", machines)
    joined, output, wrong = 1, "", []
    for block in blocks((SOURCE / "docs" / "swarm.md").read_text(encoding="utf-8")):
        if block.kind == "sh":
            machine = machines[MACHINES.index(block.title)]
            token = {"TOKEN": worker_token(machines[0])} if machine is not machines[0] else {}
            output = type_in_bash(block.text, labctl.folder, labctl.env | {"DOCKER_HOST": machine.url} | token)
            joined += len(token)
            if token and joined == len(machines):
                label_engines(machines)  # they have no ssh
        elif block.kind == "text":
            missing = [line for line in block.text.splitlines() if not shown_as(line).search(output)]
            wrong += [f"the page shows {missing}, and the commands printed\n{output}"] if missing else []
    assert not wrong, "\n".join(wrong)
    assert objects(machines) == set()
