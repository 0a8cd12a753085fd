"""`python -m labctl.webui.page FOLDER SOCKET ARGUMENT < PLAN`: the page's own process, which process.py starts.

While a lab comes up, the nodes need the machine: the page's libraries are loaded at the first connection (`up` connects
when the nodes are ready), or after LATEST seconds.
"""

import os
import select
import socket
import sys

NICENESS = 10  # the nodes start at the same time, and have priority
LATEST = 5.0  # seconds

os.nice(NICENESS)
try:
    with open("/proc/self/autogroup", "w", encoding="ascii") as group:  # noqa: PTH123 - pathlib takes a while to load
        group.write(str(NICENESS))  # where sessions share the processor (sched(7)), nice counts within one only
except OSError:
    pass
server = socket.socket(fileno=int(sys.argv[2]))
select.select([server], [], [], LATEST)

import pickle  # noqa: E402
from pathlib import Path  # noqa: E402

from labctl.webui.page.server import serve  # noqa: E402

serve(pickle.load(sys.stdin.buffer), Path(sys.argv[1]), server)  # noqa: S301 - its parent's own
