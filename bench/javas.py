"""The homework typed and `labctl up`, on images that behave like apache/kafka, with each Java."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench.compose import STOCK_RATIO, TypedHomework
from bench.images import stock_like_image
from bench.labctl import Labctl
from bench.timing import Case
from scripts.stock_like_image import KINDS


def java_cases(folder: Path, at_end: ExitStack) -> list[Case]:
    """Return the cases for Java 17, 21 and 25, with CDS archives that fit, that don't fit, and without.

    `at_end` removes labs of failed cases. Raises UnavailableError.
    """
    cases = []
    for kind in KINDS:
        title = f"Java {kind.java}, archives: {kind.archives}"
        typed = TypedHomework(stock_like_image(kind))
        labctl = Labctl(folder / kind.repository.rpartition("/")[2])
        at_end.callback(labctl, "down", "--all")
        labctl.spec(f"kafka: {{image: {kind.repository}}}\nui: {{kind: none}}\n")
        up = ("up", "--runtime", "compose", "--name", "images", "--ports", "auto", "--checks", "quick")
        cases += [
            Case(f"homework typed, {title}", typed.run, clean_up=typed.clean_up),
            Case(
                f"labctl up, {title}",
                partial(labctl.timed, *up),
                clean_up=partial(labctl.timed, "down", "--name", "images"),
                peer=f"homework typed, {title}",
                goals={"ratio": STOCK_RATIO},
            ),
        ]
    return cases
