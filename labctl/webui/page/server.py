"""The page's server: uvicorn on an open socket, as long as its lab exists."""

from __future__ import annotations

import asyncio
import resource
import socket
from pathlib import Path

import uvicorn

from labctl.errors import HostError
from labctl.kafka.client import load_library
from labctl.kafka.credentials import library_settings
from labctl.plan.model import LabPlan
from labctl.runtime.access import open_runtime
from labctl.runtime.base import NullProgress
from labctl.state.store import LabStore
from labctl.system.limits import raise_limit
from labctl.system.peers import knows_users
from labctl.webui.page.access import page_key
from labctl.webui.page.app import make_app
from labctl.webui.page.connections import OwnConnection
from labctl.webui.page.live_kafka import LiveKafka
from labctl.webui.page.samples import Sampler

LAB_CHECK_SECONDS = 2.0
LARGEST_LOG = 4 * 2**20  # bytes of page.log, the largest file that the page writes: further lines are lost


def serve(plan: LabPlan, folder: Path, listener: socket.socket) -> None:
    """Serve the page of the lab on an open socket until the lab is removed; `folder` has its reports.

    Raises HostError.
    """
    raise_limit()
    knows_users()
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_LOG, LARGEST_LOG))
    load_library()
    settings = library_settings(plan)
    kafka = LiveKafka(plan, settings)
    key = page_key(plan)
    if plan.security and key is None:
        raise HostError("the key of the lab page is missing", "labctl up starts the page again", "secret-missing")
    files = Path(plan.state) / "files"
    sampler = Sampler(plan, LiveKafka(plan, settings), lambda: open_runtime(plan, files, NullProgress()))
    sampler.start()
    app = make_app(plan, kafka, folder, sampler, key)
    server = uvicorn.Server(
        uvicorn.Config(app, http=OwnConnection, log_level="warning", access_log=False, timeout_keep_alive=5)
    )
    asyncio.run(_serve(server, listener, plan))


async def _serve(server: uvicorn.Server, listener: socket.socket, plan: LabPlan) -> None:
    watching = asyncio.create_task(_watch(server, plan))
    await server.serve(sockets=[listener])
    watching.cancel()


async def _watch(server: uvicorn.Server, plan: LabPlan) -> None:
    """End the server when its lab is removed: a killed `down` must not leave a page without a lab."""
    store = LabStore()
    while not server.should_exit:
        await asyncio.sleep(LAB_CHECK_SECONDS)
        record = store.load(plan.name)
        removed = record.identity.cluster_id != plan.cluster_id if record else not store.lab_folder(plan.name).exists()
        server.should_exit = server.should_exit or removed
