"""From the first layer that is broken, and the settings of the containers around it, to a cause and a remedy."""

from __future__ import annotations

from collections.abc import Sequence

from labctl.diagnostics.container_settings import breaks_layer
from labctl.diagnostics.ended_container import why_stopped
from labctl.diagnostics.layers import LayerResult
from labctl.diagnostics.surroundings import Surroundings
from labctl.lint.rule import Finding
from labctl.results import Diagnosis


def explain_layer(broken: LayerResult, around: Surroundings | None, log: str = "") -> Diagnosis:
    """Return why a layer is broken.

    A rule that finds in the settings what breaks this layer explains it better. Where docker restarts the container
    again and again, its `log` does.
    """
    seen = f"{broken.place}: {broken.layer}: {broken.detail}"
    errors = around.all_errors if around else []
    breaking = [one for one in errors if breaks_layer(one, broken.layer)]
    others = [one for one in errors if one not in breaking]
    if breaking:
        return Diagnosis(breaking[0].cause, breaking[0].fix, "", (seen, *_also([*breaking[1:], *others])))
    if around and around.container.restarts and broken.layer in {"tcp", "kafka"}:
        why = why_stopped(around, log)
        what = f"the container {around.container.name} ends again and again: {why.cause}"
        return Diagnosis(what, why.remedy, why.fault, (seen, *why.evidence))
    return Diagnosis(f"{broken.detail} (from {broken.place})", broken.remedy, "", _also(others))


def explain_settings(around: Surroundings | None) -> Diagnosis | None:
    """Return the worst fault of a container's settings, where all layers work; None where there is none."""
    errors = around.errors if around else []
    return Diagnosis(errors[0].cause, errors[0].fix, "", _also(errors[1:])) if errors else None


def _also(findings: Sequence[Finding]) -> tuple[str, ...]:
    return tuple(f"also: {one.cause}" for one in findings)
