"""Write docs/lint: a page for each rule of `labctl lint`, made from the rule itself."""

from __future__ import annotations

import sys
from pathlib import Path

from labctl.lint.complete import COMPLETE
from labctl.lint.rules.table import RULES
from labctl.rendering.templates import render_template

FOLDER = Path(__file__).parent.parent / "docs" / "lint"


def pages() -> dict[str, str]:
    """Return {file name: text} of docs/lint."""
    found = {"README.md": render_template("lint/README.md.j2", rules=RULES, complete=COMPLETE)}
    for rule in RULES:
        found[f"{rule.id}.md"] = render_template("lint/rule.md.j2", rule=rule, where=_where)
    return found


def main() -> int:
    """Write the pages, and delete those of rules that are gone."""
    FOLDER.mkdir(exist_ok=True)
    written = pages()
    for path in FOLDER.glob("*.md"):
        if path.name not in written:
            path.unlink()
    for name, text in written.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


def _where(example: str) -> str:
    """What an example is: a file, or lines of an environment."""
    merged = "Merged over [the complete file](README.md#the-complete-file)"
    return f"{merged}:" if example.startswith("services:") else f"{merged}, in the environment of `broker`:"


if __name__ == "__main__":
    sys.exit(main())
