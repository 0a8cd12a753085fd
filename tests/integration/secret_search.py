"""The secrets of a lab, and the search for them in what others can read."""

import base64
import contextlib
import re
import stat
import threading
from pathlib import Path

import psutil

from labctl.runtime.jvm.storage import bootstrap_records
from labctl.versions import DEFAULT


@contextlib.contextmanager
def sampled_arguments():
    """Collect the command lines of all processes while the block runs."""
    observed: set[str] = set()
    done = threading.Event()

    def sample():
        while not done.wait(0.02):
            for process in psutil.process_iter(["cmdline"]):
                observed.add(" ".join(process.info["cmdline"] or ()))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield observed
    finally:
        done.set()
        thread.join()


def secrets_of(labctl):
    """Return every secret of the lab in each form: passwords plain and in base64, keys, SCRAM salts."""
    folder = labctl.state / "labs" / "secure" / "secrets"
    plain = [path.read_text().strip() for path in folder.glob("*.password")]
    plain.append((folder / "nodes/broker/passwords.properties").read_text().partition("=")[2].strip())
    keys = re.findall(
        r"BEGIN PRIVATE KEY-----\n(.*?)\n-----END", (folder / "nodes/broker/node.pem").read_text(), re.DOTALL
    )
    lines = [line for key in keys for line in key.splitlines()]
    data = labctl.state / "labs/secure/nodes/broker/data"
    data = data if data.is_dir() else "/var/lib/kafka/data"
    dump = ("kafka-dump-log.sh", "--cluster-metadata-decoder", "--files", f"{data}/{bootstrap_records(DEFAULT)}")
    described = labctl.tool(*dump).stdout
    salts = re.findall(r'"(?:salt|storedKey|serverKey)":"([^"]+)"', described)
    assert len(plain) == 4
    assert len(salts) >= 9
    encoded = [base64.b64encode(secret.encode()).decode().rstrip("=") for secret in plain]
    return {*plain, *encoded, *lines, *salts}


def leaks(secrets, texts):
    """Return the names of the texts that contain one of the secrets."""
    return sorted(name for name, text in texts.items() if any(secret in text for secret in secrets))


def readable_by_others(folder):
    """Return {path: text} of the files below `folder` that other users can read."""
    texts = {}
    for path in Path(folder).rglob("*"):
        if path.is_file() and path.stat().st_mode & stat.S_IROTH:
            above = [parent for parent in path.parents if parent != folder and parent.is_relative_to(folder)]
            if all(parent.stat().st_mode & stat.S_IXOTH for parent in above):
                texts[str(path)] = path.read_text(errors="replace")
    return texts
