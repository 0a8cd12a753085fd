"""Record commands at a terminal as an SVG that plays once: `python scripts/terminal_svg.py OUT.svg 'labctl up' …`.

The lines appear at the moments at which they were printed. The SVG loads nothing from other hosts, and shows all lines
at once where a reader prefers no motion. Needs labctl on PATH; the commands run in an empty folder, one after another.
"""

from __future__ import annotations

import os
import pty
import re
import select
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 112  # columns
READ = 4096
CURSOR_UP = "\x1b[1A"
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Zhl]")  # every control sequence but colours, which end with m
HOME = "~/homework"  # shown in place of the temporary folder
AFTER_SECONDS = 1.0  # between the end of a command and the next one
Line = tuple[float, str]  # seconds since the beginning, and the text with its colours (ANSI)

SVG = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, monospace; font-size: {char_height}px;
  line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
{animation}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def main() -> None:
    """Record the commands of the command line, and write the SVG."""
    if len(sys.argv) < 3:
        sys.exit(f"usage: {sys.argv[0]} OUT.svg COMMAND …")
    recorded: list[Line] = []
    with tempfile.TemporaryDirectory() as folder:
        for command in sys.argv[2:]:
            began = recorded[-1][0] + AFTER_SECONDS if recorded else 0.0
            recorded.append((began, f"\x1b[1m$ {command}\x1b[0m"))
            recorded += [(began + seconds, text) for seconds, text in record(command, Path(folder))]
    Path(sys.argv[1]).write_text(to_svg(recorded), encoding="utf-8")


def record(command: str, folder: Path) -> list[Line]:
    """Run the command at a terminal of its own, and return its lines. Exits with the command's exit code."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.environ |= {"COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
        os.execvp("sh", ["sh", "-c", command])
    lines: list[Line] = []
    began, rest = time.monotonic(), b""
    while select.select([terminal], [], [], None)[0]:
        try:
            data = os.read(terminal, READ)
        except OSError:  # the terminal is closed
            break
        if not data:
            break
        *complete, rest = (rest + data).split(b"\n")
        now = time.monotonic() - began
        for text in complete:
            shown = text.decode(errors="replace").rstrip("\r")
            if rewritten := shown.count(CURSOR_UP):  # the line with the progress of a step
                del lines[-rewritten:]
            lines.append((now, CONTROL.sub("", shown.rpartition("\r")[2]).replace(str(folder), HOME)))
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code:
        sys.exit(f"{command} ended with exit code {code}")
    return lines


def to_svg(recorded: list[Line]) -> str:
    """Return the SVG of the lines, each of which appears at its moment."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 - a stream for rich
        console = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True)
        moments = []
        for moment, text in recorded:
            wrapped = Text.from_ansi(text).wrap(console, WIDTH)
            moments += [moment] * max(1, len(wrapped))
            console.print(*(wrapped or [""]), sep="\n")
        svg = console.export_svg(title="labctl", code_format=SVG.replace("{animation}", "/*animation*/"), unique_id="t")
    # rich draws line N with clip-path t-line-N
    rules = [f'[clip-path="url(#t-line-{line})"] {{ animation-delay: {at:.2f}s; }}' for line, at in enumerate(moments)]
    animation = [
        "@media (prefers-reduced-motion: no-preference) {",
        '[clip-path^="url(#t-line-"] { animation: appear 1ms both; }',
        *rules,
        "@keyframes appear { from { visibility: hidden; } to { visibility: visible; } }",
        "}",
    ]
    return re.sub(r" +$", "", svg.replace("/*animation*/", "\n".join(animation)), flags=re.MULTILINE)


if __name__ == "__main__":
    main()
