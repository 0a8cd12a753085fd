"""The templates: where they are, the environment that fills them, and its filters. Python decides, templates print."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from labctl.kafka.java_properties import properties_value


def render_template(name: str, /, **values: Any) -> str:
    """Fill templates/`name` and return the text.

    Raises jinja2.UndefinedError where the template uses an unknown name.
    """
    return str(_environment().get_template(name).render(**values))


def templates_folder() -> Path:
    """Return templates/ of the source tree, or `labctl/_templates` of an installed wheel."""
    package = Path(__file__).parent.parent
    packed = package / "_templates"
    return packed if packed.is_dir() else package.parent / "templates"


def presets() -> list[str]:
    """Return the names of the presets: the files in templates/init."""
    return sorted(path.stem for path in (templates_folder() / "init").glob("*.yaml"))


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    from labctl.rendering.template_cache import TemplateCache

    environment = Environment(
        loader=FileSystemLoader(templates_folder()),
        bytecode_cache=TemplateCache.of_user(),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html.j2"]),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["yaml"] = _yaml_text
    environment.filters["compose_text"] = _compose_text
    environment.filters["literal"] = _literal
    environment.filters["properties_value"] = properties_value
    environment.filters["cell"] = _table_cell
    environment.filters["fenced"] = _fenced
    return environment


def _yaml_text(value: str) -> str:
    """`value` as a double-quoted YAML scalar (JSON's strings are YAML's), safe from Compose's own `$` expansion."""
    return json.dumps(value.replace("$", "$$"), ensure_ascii=False)


def _compose_text(value: str) -> str:
    """Lines for a block of YAML, safe from Compose's own `$` expansion."""
    return value.replace("$", "$$").rstrip("\n")


def _literal(value: object) -> str:
    """`value`, of strings and lists, as it is written in Python, Java, JavaScript and Go alike."""
    return json.dumps(value, ensure_ascii=False)


def _table_cell(value: str) -> str:
    """`value` for a cell of a Markdown table."""
    return value.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _fenced(value: str) -> str:
    """`value` inside a Markdown fence, which it must not end."""
    return value.replace("```", "~~~").rstrip("\n")
