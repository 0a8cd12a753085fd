"""The parts of docs/swarm.md that scripts write: between two comments with a name."""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "swarm.md"


def write_part(name: str, text: str) -> None:
    """Replace what is between `<!-- NAME … -->` and `<!-- end of NAME -->` in the page. Raises ValueError."""
    page = PAGE.read_text(encoding="utf-8")
    begin = page.index("-->\n", page.index(f"<!-- {name}")) + len("-->\n")
    end = page.index(f"<!-- end of {name} -->")
    PAGE.write_text(f"{page[:begin]}\n{text}\n\n{page[end:]}", encoding="utf-8")
