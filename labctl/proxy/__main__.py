"""`python -m labctl.proxy FOLDER ARGUMENT < ROUTES`: the proxy's own process, which process.py starts.

ROUTES is a JSON list of routes, each with the number of its bound socket.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from pathlib import Path

from labctl.proxy.server import Route, serve
from labctl.system.limits import raise_limit

raise_limit()
routes = [(Route(**each["route"]), socket.socket(fileno=each["socket"])) for each in json.load(sys.stdin)]
folder = Path(sys.argv[1])
asyncio.run(serve(routes, folder, folder.parent))
