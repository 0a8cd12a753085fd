"""The end of the output of `up` for people."""

from __future__ import annotations

from labctl.constants import HOMEWORK_TOPIC, SECRETS_FOLDER
from labctl.kafka.console_tools import exec_prefix, name_option, sample_commands
from labctl.report.summary import summary
from labctl.results import RunResult
from labctl.service_kinds import SERVICES
from labctl.spec.model import LabSpec


def up_text(run: RunResult, spec: LabSpec) -> str:
    """Return the outcome of `up`, and commands to copy."""
    if not (run.endpoints and run.nodes) or run.status == "error":
        return summary(run)
    secure = spec.security.profile.requires_login
    produce, consume = sample_commands(
        exec_prefix(run.lab, run.nodes[0].name),
        "",
        str(run.endpoints.internal),
        spec.topics[0].name if spec.topics else HOMEWORK_TOPIC,
        config=f"{SECRETS_FOLDER}/{spec.security.with_defaults[0].name}.properties" if secure else None,
        kafka_version=spec.kafka.version,
    )
    lab = " ".join(["", *name_option(run.lab)])
    lines = [
        summary(run),
        f"  produce: {produce}",
        f"  consume: {consume}",
        f"  from a program on this machine: bootstrap.servers={run.endpoints.external}"
        + (f", and what `labctl env{lab}` prints" if secure else ""),
    ]
    lines += [f"  {SERVICES[service.kind].title}: {service.url}" for service in run.services]
    if run.endpoints.ui:
        lines.append(f"  web page: {run.endpoints.ui}" + (f", for you alone: labctl ui{lab}" if secure else ""))
    lines += [f"  report: {path}" for path in run.files if path.endswith(".html")]
    return "\n".join([*lines, f"  remove the lab: labctl down{lab}"])
