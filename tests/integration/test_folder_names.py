"""Labs in folders with unusual names."""

import pytest

from tests.integration.labs import make_labctl

pytestmark = [pytest.mark.local, pytest.mark.timeout(120)]

LAB = "listeners: {external: {port: auto}}\nui: {kind: page, port: auto}\nchecks: quick\n"


@pytest.mark.parametrize("name", ["a\nb", "100%", 'it\'s "quoted"', "$HOME `x` & more", "back\\slash", "[x]: {{ y }}"])
def test_a_lab_in_a_folder_called(tmp_path, name):
    """Working folder and state folder have this name: `up`, `exec`, `check` and `down` work as elsewhere."""
    labctl = make_labctl(tmp_path / name)
    labctl.spec(LAB)
    try:
        labctl.run("up", check=True)
        assert "orders" in labctl.tool("kafka-topics.sh", "--list", "--bootstrap-server", "broker:9092").stdout
        labctl.run("check", check=True)
        labctl.run("stop", check=True)
        labctl.run("up", check=True)
    finally:
        labctl.run("down", check=True)
    assert {path.name for path in (labctl.folder / ".labctl/homework").iterdir()} == {
        "report.html",
        "report.json",
        "report.md",
        "report.xml",
    }
