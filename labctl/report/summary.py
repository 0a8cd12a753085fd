"""The summary of a run, and signs and names for all formats."""

from __future__ import annotations

from labctl.results import RunResult

SIGNS = {"passed": "✓", "failed": "✗", "error": "✗", "skipped": "-"}

UI_NAMES = {"page": "the lab page", "kafbat": "Kafbat UI"}  # by kind


def summary(run: RunResult) -> str:
    """Return the outcome of the run, in one line."""
    kafka = f"Kafka {run.kafka_version}" if run.kafka_version else "Kafka"
    where = f" on {run.endpoints.external}" if run.endpoints else ""
    if run.command == "drill" and run.drills:
        return "; ".join(f"drill {drill.name}: {drill.detail}" for drill in run.drills)
    if run.status == "passed":
        verified = "ready, verified" if any(check.status == "passed" for check in run.checks) else "ready, not verified"
        return f"{verified}: {kafka}{where} in {run.seconds:.1f} s"
    if run.status == "failed":
        failed = [check.name for check in run.checks if check.status in {"failed", "error"}]
        return f"not verified: {kafka}{where} failed {', '.join(failed)}"
    if run.command == "drill":
        return f"no drill in {run.lab}"
    return f"the lab {run.lab} did not come up" if run.command == "up" else f"{run.lab} could not be checked"


def memory(size: int | None) -> str:
    """Return bytes as MiB; "" where they are not known."""
    return f"{size // (1024 * 1024)} MiB" if size else ""
