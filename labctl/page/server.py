"""The page's server: uvicorn on the socket that it was handed, for as long as its lab is there."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import uvicorn

from labctl import host
from labctl.credentials import library_settings, page_key
from labctl.kafka_client import KafkaClient
from labctl.page.app import make_app
from labctl.plan import make_plan
from labctl.spec import LabSpec
from labctl.store import LabStore

LOOK_SECONDS = 2.0
CONNECT_SECONDS = 2.0


def serve(name: str, door: socket.socket) -> None:
    """Serve the page of the lab `name` on the open socket `door` until the lab is gone."""
    store = LabStore()
    record = store.load(name)
    if record is None:
        return
    plan = make_plan(LabSpec.model_validate(record.spec), record.runtime, host.gather(), record.identity)
    client = KafkaClient(plan.published, library_settings(plan), connect=CONNECT_SECONDS)
    app = make_app(plan, client, Path(record.folder), page_key(plan))
    # one connection that never ends must not keep a browser's others waiting: limits are uvicorn's own
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", access_log=False, limit_concurrency=100, timeout_keep_alive=5)
    )
    asyncio.run(_serve(server, door, store, name, plan.cluster_id))


async def _serve(server: uvicorn.Server, door: socket.socket, store: LabStore, name: str, cluster_id: str) -> None:
    watching = asyncio.create_task(_watch(server, store, name, cluster_id))
    await server.serve(sockets=[door])
    watching.cancel()


async def _watch(server: uvicorn.Server, store: LabStore, name: str, cluster_id: str) -> None:
    """End the server when its lab is gone: a `down` that was killed must not leave a page of nothing."""
    while not server.should_exit:
        await asyncio.sleep(LOOK_SECONDS)
        record = store.load(name)
        if record.identity.cluster_id != cluster_id if record else not store.lab_folder(name).exists():
            server.should_exit = True
