"""The secrets of a lab, and the search for them in what others can read."""

import base64
import contextlib
import re
import stat
import threading
from pathlib import Path

import psutil


@contextlib.contextmanager
def sampled_arguments():
    """The command lines of all processes, looked at again and again while the block runs."""
    seen: set[str] = set()
    enough = threading.Event()

    def look():
        while not enough.wait(0.02):
            for process in psutil.process_iter(["cmdline"]):
                seen.add(" ".join(process.info["cmdline"] or ()))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield seen
    finally:
        enough.set()
        looking.join()


def secrets_of(one):
    """Every secret of the lab in every dress: passwords plain and in base64, keys, SCRAM salts."""
    folder = one.state / "labs" / "secure" / "secrets"
    plain = [path.read_text().strip() for path in folder.glob("*.password")]
    plain.append((folder / "nodes/broker/passwords.properties").read_text().partition("=")[2].strip())
    keys = re.findall(
        r"BEGIN PRIVATE KEY-----\n(.*?)\n-----END", (folder / "nodes/broker/node.pem").read_text(), re.DOTALL
    )
    lines = [line for key in keys for line in key.splitlines()]
    data = one.state / "labs/secure/nodes/broker/data"
    data = data if data.is_dir() else "/var/lib/kafka/data"
    dump = ("kafka-dump-log.sh", "--cluster-metadata-decoder", "--files", f"{data}/bootstrap.checkpoint")
    described = one.tool(*dump).stdout
    salts = re.findall(r'"(?:salt|storedKey|serverKey)":"([^"]+)"', described)
    assert len(plain) == 4
    assert len(salts) >= 9
    dressed = [base64.b64encode(one.encode()).decode().rstrip("=") for one in plain]
    return {*plain, *dressed, *lines, *salts}


def leaks(found, texts):
    return sorted(where for where, text in texts.items() if any(secret in text for secret in found))


def readable_by_others(folder):
    """{path: text} of the files below `folder` that another user could open, from the root on."""
    texts = {}
    for path in Path(folder).rglob("*"):
        if path.is_file() and path.stat().st_mode & stat.S_IROTH:
            above = [parent for parent in path.parents if parent != folder and parent.is_relative_to(folder)]
            if all(parent.stat().st_mode & stat.S_IXOTH for parent in above):
                texts[str(path)] = path.read_text(errors="replace")
    return texts
