"""LabPlan + templates/ -> the lab's files. Python decides, the templates print."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from labctl.kafbat import PORT, SERVICE
from labctl.kraft import COMMENTS, environment_name, node_settings
from labctl.plan import MEBIBYTE, LabPlan, NodePlan, heap_bytes
from labctl.properties import properties_value
from labctl.security import CONTAINER_SECRETS, node_secrets

LOCAL_FILES = (
    "server.properties",
    "hosts",
    "logging.properties",
    "log4j2.properties",
    "log4j.properties",
    "tools-log4j.properties",
)
COMPOSE_FILE = "docker-compose.yml"
CLUSTER_LABEL = "labctl.cluster"  # which lab an object of Docker belongs to: names repeat, cluster ids don't
CONTAINER_DATA = "/var/lib/kafka/data"  # the data volume that apache/kafka's image declares
MOUNTED_CONFIG = "/mnt/shared/config"  # where its launcher looks for settings
MOUNTED_PROPERTIES = f"{MOUNTED_CONFIG}/server.properties"
# the image's own launcher formats without users; it goes on where that has been done
FORMAT_FIRST = (
    f'/opt/kafka/bin/kafka-storage.sh format --cluster-id="$CLUSTER_ID" -g -c {MOUNTED_PROPERTIES} '
    f"@{CONTAINER_SECRETS}/format.args >/dev/null; exec /etc/kafka/docker/run"
)


def render(plan: LabPlan) -> dict[str, str]:
    """The files of the lab: {path in the lab's folder: text}. Same plan, same bytes."""
    return RENDERERS[plan.runtime.name](plan)


def render_template(name: str, /, **values: Any) -> str:
    """Fill templates/`name`. An unknown name in the template raises jinja2.UndefinedError."""
    return str(_environment().get_template(name).render(**values))


def templates_folder() -> Path:
    """templates/ of the source tree, or `labctl/_templates` in an installed wheel."""
    packed = Path(__file__).parent / "_templates"
    return packed if packed.is_dir() else Path(__file__).parent.parent / "templates"


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    from labctl.compiled import CompiledTemplates

    environment = Environment(
        loader=FileSystemLoader(templates_folder()),
        bytecode_cache=CompiledTemplates.of_user(),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html.j2"]),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["yaml"] = _yaml_text
    environment.filters["literal"] = _literal
    environment.filters["properties_value"] = properties_value
    environment.filters["cell"] = _table_cell
    environment.filters["fenced"] = _fenced
    return environment


def _yaml_text(value: str) -> str:
    """`value` as a double-quoted YAML scalar (JSON's strings are YAML's), safe from Compose's own `$` expansion."""
    return json.dumps(value.replace("$", "$$"), ensure_ascii=False)


def _literal(value: object) -> str:
    """`value`, of strings and lists, as it is written in Python, Java, JavaScript and Go alike."""
    return json.dumps(value, ensure_ascii=False)


def _table_cell(value: str) -> str:
    """`value` for a cell of a Markdown table."""
    return value.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _fenced(value: str) -> str:
    """`value` inside a Markdown fence, which it must not end."""
    return value.replace("```", "~~~").rstrip("\n")


def _local(plan: LabPlan) -> dict[str, str]:
    files = {}
    for node in plan.nodes:
        folder = f"{plan.state}/nodes/{node.name}"
        inside = [(other.address, other.name) for other in plan.nodes] + [(node.address, "localhost")]
        values = {
            "plan": plan,
            "node": node,
            "settings": node_settings(plan, node, data_folder(plan, node)),
            "comments": COMMENTS,
            "names": inside,
            "folder": folder,
        }
        for name in LOCAL_FILES:
            files[f"{node.name}/{name}"] = render_template(f"local/{name}.j2", **values)
    return files


def _compose(plan: LabPlan) -> dict[str, str]:
    nodes = [
        {
            "plan": node,
            "container": container_name(plan, node),
            "environment": _environment_of(plan, node),
            "mounts": _mounts(plan, node),
            "in_memory": [MOUNTED_CONFIG] if plan.security else [MOUNTED_CONFIG, CONTAINER_SECRETS],
            "command": FORMAT_FIRST if plan.security else None,
            "published": [one.port for one in node.listeners if one.name == "EXTERNAL"],
            "probed": node.listeners[0].port,
        }
        for node in plan.nodes
    ]
    # tools run by `docker exec` share the container's memory with the node
    memory = (2 * heap_bytes(plan.heap)) // MEBIBYTE + 512
    properties = {_mounted_properties(node): _properties(plan, node) for node in plan.nodes if plan.security}
    return properties | {
        COMPOSE_FILE: render_template(
            "compose/docker-compose.yml.j2",
            plan=plan,
            nodes=nodes,
            memory=memory,
            project=project_name(plan),
            cluster_label=CLUSTER_LABEL,
            ui_container=ui_container(plan.name),
            ui_port=PORT,
        )
    }


def _environment_of(plan: LabPlan, node: NodePlan) -> list[tuple[str, str, str]]:
    """(variable, value, comment) of each setting; none where they are mounted as a file."""
    if plan.security:
        return []
    settings = node_settings(plan, node, data_folder(plan, node))
    return [(environment_name(key), value, COMMENTS.get(key, "")) for key, value in settings.items()]


def _mounts(plan: LabPlan, node: NodePlan) -> list[tuple[str, str]]:
    """(here, in the container) of what a secure node reads: the users must be in the storage before it starts."""
    if not plan.security:
        return []
    return [
        (f"./{_mounted_properties(node)}", MOUNTED_PROPERTIES),
        (str(node_secrets(plan, node)), CONTAINER_SECRETS),
    ]


def _mounted_properties(node: NodePlan) -> str:
    return f"{node.name}/server.properties"


def _properties(plan: LabPlan, node: NodePlan) -> str:
    settings = node_settings(plan, node, data_folder(plan, node))
    return render_template("local/server.properties.j2", plan=plan, node=node, settings=settings, comments=COMMENTS)


def data_folder(plan: LabPlan, node: NodePlan) -> str:
    """Where the node keeps its data, as it sees it."""
    return CONTAINER_DATA if plan.runtime.name == "compose" else f"{plan.state}/nodes/{node.name}/data"


def project_name(plan: LabPlan) -> str:
    """Compose's project: it starts the names of the lab's volumes, and knows no capitals."""
    return f"labctl-{plan.name.lower()}"


def ui_container(lab: str) -> str:
    """The name of Kafbat's container in the lab `lab`."""
    return SERVICE if lab == "homework" else f"{lab}-{SERVICE}"


def container_name(plan: LabPlan, node: NodePlan) -> str:
    """The homework says `docker exec broker`: its lab has the plain names, every other lab its own in front."""
    return node.name if plan.name == "homework" else f"{plan.name}-{node.name}"


RENDERERS = {"local": _local, "compose": _compose}
