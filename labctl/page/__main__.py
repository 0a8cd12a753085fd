"""`python -m labctl.page LAB SOCKET MARK`: the page's own process, which `process.py` starts.

While a lab comes up, the nodes need the machine: what the page is made of is loaded when somebody knocks, or later.
"""

import select
import socket
import sys

LATEST = 5.0  # seconds

door = socket.socket(fileno=int(sys.argv[2]))
select.select([door], [], [], LATEST)

from labctl.page.server import serve  # noqa: E402

serve(sys.argv[1], door)
