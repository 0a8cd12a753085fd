"""`python -m labctl.page FOLDER SOCKET MARK < PLAN`: the page's own process, which `process.py` starts.

While a lab comes up, the nodes need the machine: what the page is made of is loaded when somebody knocks (`up` does
when they are ready), or later.
"""

import os
import select
import socket
import sys

NICENESS = 10  # it starts beside the nodes, and they come first
LATEST = 5.0  # seconds

os.nice(NICENESS)
try:
    with open("/proc/self/autogroup", "w", encoding="ascii") as group:  # noqa: PTH123 - pathlib takes a while to load
        group.write(str(NICENESS))  # where sessions share the processor (sched(7)), nice counts within one only
except OSError:
    pass
door = socket.socket(fileno=int(sys.argv[2]))
select.select([door], [], [], LATEST)

import pickle  # noqa: E402
from pathlib import Path  # noqa: E402

from labctl.page.server import serve  # noqa: E402

serve(pickle.load(sys.stdin.buffer), Path(sys.argv[1]), door)  # noqa: S301 - its parent's own
