"""The options that `labctl lint` calls removed are those that Kafka's own tools refuse, in each locked version."""

import subprocess

import pytest

from labctl.lab.reporter import NullReporter
from labctl.lint.rules.tools import OLD_CLASS, OLD_CLASS_UNTIL, REMOVED
from labctl.runtime.jvm.cache import ensure_jars
from labctl.runtime.jvm.java import find_java
from labctl.version_lock import locked_versions
from labctl.versions import version_tuple

pytestmark = [pytest.mark.local, pytest.mark.network, pytest.mark.timeout(390)]


@pytest.mark.parametrize("version", locked_versions())
def test_removed_options(version):
    """Each is refused by the versions that lack it, and by no other."""
    lock, jars = ensure_jars(version, NullReporter())
    classpath = ":".join(str(jars / jar.file_name) for jar in lock.jars)

    def output(main_class, *options):
        command = [str(find_java().executable), "-cp", classpath, main_class, *options]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
        )
        return done.stdout + done.stderr

    for gone in REMOVED:
        for tool in gone.tools:
            main_class = next(main for script, main in lock.scripts.items() if script.removesuffix(".sh") == tool)
            refused = f"{gone.old.lstrip('-')} is not a recognized option" in output(
                main_class, gone.old, "a:1", "--help"
            )
            assert refused == (version_tuple(version) >= gone.since), (tool, gone)
    missing = "Could not find or load main class" in output(OLD_CLASS, "--help")
    assert missing == (version_tuple(version) >= OLD_CLASS_UNTIL)
