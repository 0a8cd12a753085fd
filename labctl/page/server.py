"""The page's server: uvicorn on the socket that it was handed, for as long as its lab is there."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import uvicorn

from labctl.credentials import library_settings, page_key
from labctl.kafka_client import KafkaClient, load_library
from labctl.page.app import make_app
from labctl.plan import LabPlan
from labctl.store import LabStore

LOOK_SECONDS = 2.0
CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 5.0


def serve(plan: LabPlan, folder: Path, door: socket.socket) -> None:
    """Serve the page of the lab on the open socket `door` until the lab is gone; `folder` has its reports."""
    load_library()
    client = KafkaClient(plan.published, library_settings(plan), connect=CONNECT_SECONDS, seconds=ANSWER_SECONDS)
    app = make_app(plan, client, folder, page_key(plan))
    # one connection that never ends must not keep a browser's others waiting: limits are uvicorn's own
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", access_log=False, limit_concurrency=100, timeout_keep_alive=5)
    )
    asyncio.run(_serve(server, door, plan))


async def _serve(server: uvicorn.Server, door: socket.socket, plan: LabPlan) -> None:
    watching = asyncio.create_task(_watch(server, plan))
    await server.serve(sockets=[door])
    watching.cancel()


async def _watch(server: uvicorn.Server, plan: LabPlan) -> None:
    """End the server when its lab is gone: a `down` that was killed must not leave a page of nothing."""
    store = LabStore()
    while not server.should_exit:
        await asyncio.sleep(LOOK_SECONDS)
        record = store.load(plan.name)
        gone = record.identity.cluster_id != plan.cluster_id if record else not store.lab_folder(plan.name).exists()
        server.should_exit = server.should_exit or gone
