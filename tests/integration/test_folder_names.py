"""Labs in folders with unusual names."""

import pytest

from tests.integration.labs import make_labctl

pytestmark = [pytest.mark.local, pytest.mark.timeout(120)]

LAB = "listeners: {external: {port: auto}}\nui: {kind: page, port: auto}\nchecks: quick\n"
# the locale of a person, and those of a cron job, of a container, of ssh to another machine
LOCALES = {
    "no locale": {},
    "C": {"LC_ALL": "C"},
    "POSIX, and a Python without UTF-8": {"LANG": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "LC_CTYPE alone": {"LC_CTYPE": "C.UTF-8"},
    "one that is not installed": {"LC_ALL": "xx_XX.UTF-8"},
    "Latin-1": {"LANG": "en_US.ISO-8859-1", "PYTHONCOERCECLOCALE": "0"},
}


@pytest.mark.parametrize("variables", LOCALES.values(), ids=LOCALES)
def test_a_lab_in_a_folder_with_letters_beyond_ascii(tmp_path, variables):
    """Kafka's files and arguments are UTF-8, whatever the locale is; the console tools print the same text."""
    labctl = make_labctl(tmp_path / "\u0434\u043e\u043c\u0430\u0448\u043a\u0430 \u65e5\u672c")
    labctl.env = {key: value for key, value in labctl.env.items() if not key.startswith(("LC_", "LANG"))} | variables
    labctl.spec(LAB.replace("checks: quick", "checks: full"))
    options = ["--bootstrap-server", "broker:9092", "--topic", "orders"]
    text = "\u043f\u0440\u0438\u0432\u0435\u0442"
    try:
        labctl.run("up", check=True)
        labctl.tool("kafka-console-producer.sh", *options, input=f"{text}\n")
        assert (
            text in labctl.tool("kafka-console-consumer.sh", *options, "--from-beginning", "--max-messages", 4).stdout
        )
        labctl.run("stop", check=True)
        labctl.run("up", check=True)
    finally:
        labctl.run("down", check=True)


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
