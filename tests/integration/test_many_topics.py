"""Labs with many topics and partitions: verified by the first `up`, and shown in a few lines."""

import re

import pytest

from tests.integration.polling import read_url

pytestmark = [pytest.mark.local, pytest.mark.timeout(300)]

LAB = "listeners: {external: {port: auto}}\nui: {kind: page, port: auto}\nchecks: full\n"
MANY = {
    "600 topics": "".join(f"  - {{name: topic-{number:03}, partitions: 1}}\n" for number in range(600)),
    "one topic of 2,000 partitions": "  - {name: large, partitions: 2000}\n",
    "12,000 partitions": "".join(f"  - {{name: topic-{number:02}, partitions: 200}}\n" for number in range(60)),
}


@pytest.mark.parametrize("topics", MANY.values(), ids=MANY)
def test_a_lab_with(labctl, topics):
    """No line of the terminal has all topics; the page shows a hundred of them, the report the first partitions."""
    labctl.spec(f"{LAB}topics:\n{topics}")
    up = labctl.run("up", check=True, timeout=200)
    assert "ready, verified" in up.stderr
    assert max(len(line) for line in up.stderr.splitlines()) < 400
    status = labctl.json("status")
    page = read_url(status["ui"]["url"], 30)
    assert 0 < page.count('class="row" id="topic ') <= 100
    report = (labctl.folder / ".labctl/homework/report.html").read_text()
    assert re.search(r"and [\d,]+ more partitions", report)
    assert len(report) < 300_000
    removed = labctl.run("reset", check=True, timeout=200).stderr
    assert max(len(line) for line in removed.splitlines()) < 400
    labctl.run("check", "topics", check=True)
