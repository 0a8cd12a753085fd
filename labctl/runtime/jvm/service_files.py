"""LabPlan -> the files of Kafka Connect, where it runs as a process of this machine."""

from __future__ import annotations

import json

from labctl.plan.model import PAGE_ADDRESS, LabPlan
from labctl.rendering.templates import render_template
from labctl.services import connect

LOGGING = ("logging.properties", "log4j2.properties", "log4j.properties")


def render_services(plan: LabPlan) -> dict[str, str]:
    """Return the rendered files: {path in the lab's folder: text}. A schema registry has none."""
    service = plan.service("connect")
    if service is None:
        return {}
    settings = connect.worker_settings(
        plan,
        service,
        bootstrap=plan.bootstrap,  # a connector finds other hosts by their names too, as each program here does
        address=PAGE_ADDRESS,
        plugin_path=service.plugin_folder if service.plugins else "",
    )
    files = {
        "worker.properties": render_template(
            "local/worker.properties.j2", plan=plan, settings=settings, comments=connect.COMMENTS
        ),
        "login.conf": connect.LOGIN_FILE.format(file=json.dumps(service.login_file, ensure_ascii=False)),
    }
    values = {"title": "Kafka Connect", "folder": f"{plan.state}/{service.name}"}
    files |= {name: render_template(f"local/{name}.j2", **values) for name in LOGGING}
    return {f"{service.name}/{name}": text for name, text in files.items()}
