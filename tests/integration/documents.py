"""The documents of the project: their command blocks, typed as a reader types them."""

import os
import re
import shlex
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from labctl.versions import DEFAULT
from tests.integration.docker_command import docker
from tests.integration.labs import OWN_IMAGE, SOURCE

STOCK = f"apache/kafka:{DEFAULT}"
IN_CHECKOUT = "in labctl's folder"  # the title of a block that is typed there; other blocks leave no file in a checkout
BLOCK = re.compile(r'^```(\w+)(?: title="([^"\n]*)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its title ("": none), its text."""

    kind: str
    title: str
    text: str


def blocks(text):
    """Return the fenced blocks of a Markdown text."""
    return [Block(*block) for block in BLOCK.findall(text)]


def sections(text):
    """Return {title: blocks} of the sections of a Markdown text."""
    return {part.split("\n", 1)[0]: blocks(part) for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]}


def type_in_bash(commands, folder, env, timeout=300):
    """Run commands in a bash that finds `labctl` and ends at the first failure; return all that they print."""
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", commands],
        cwd=folder,
        env=env | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, f"{commands}\n{done.stdout}"
    return done.stdout


def type_page(page, folder, env, timeout=300):
    """Type all sh blocks of a page into one bash, and return a list with what each of them prints."""
    commands = [block for block in page if block.kind == "sh"]
    separator = f"== a block of {os.getpid()} ends"
    script = "".join(f"{_in_its_folder(block)}\necho {shlex.quote(separator)}\n" for block in commands)
    printed = type_in_bash(script, folder, env, timeout)
    return printed.split(f"{separator}\n")[: len(commands)]


def shown_as(sample):
    """Return the pattern of a line that a page shows: … is any text, and numbers may differ."""
    pattern = re.escape(sample).replace("…", ".*")
    return re.compile(f"^{re.sub(r'[0-9]+', '[0-9]+', pattern)}$", re.MULTILINE)


@contextmanager
def stock_image():
    """The project's image under the name of the stock image, unless the engine has that."""
    if docker("image", "ls", "--quiet", STOCK).strip():
        yield
        return
    docker("tag", f"{OWN_IMAGE}:{DEFAULT}", STOCK)
    try:
        yield
    finally:
        docker("image", "rm", STOCK)


def _in_its_folder(block):
    if block.title == IN_CHECKOUT:
        return f"cd {shlex.quote(str(SOURCE))}\n{block.text}cd - > /dev/null"
    return block.text
