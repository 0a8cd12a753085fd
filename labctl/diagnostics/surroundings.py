"""A container that somebody else created: what is around it, and what the rules of lint find in all of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from labctl.diagnostics.container_settings import container_findings
from labctl.diagnostics.redaction import secrets_in
from labctl.lint.rule import Finding
from labctl.runtime.docker.engine import Engine
from labctl.runtime.docker.inspected import Inspected, inspect_container, neighbours


@dataclass(frozen=True, slots=True)
class Surroundings:
    """A container, those around it, and what the rules of `labctl lint` find in its settings."""

    container: Inspected
    others: tuple[Inspected, ...]
    findings: tuple[Finding, ...]  # in its own settings
    other_findings: tuple[Finding, ...]  # in those of the others

    @property
    def is_only_controller(self) -> bool:
        """Whether clients have nothing to do with it."""
        return self.container.environment.get("KAFKA_PROCESS_ROLES", "").strip() == "controller"

    @property
    def secrets(self) -> list[str]:
        """Passwords and keys in the variables of all these containers, with and without quotes."""
        environments = [each.environment for each in (self.container, *self.others)]
        found = [value for each in environments for value in secrets_in(each)]
        found += [
            password
            for each in environments
            for name, value in each.items()
            if "JAAS" in name.upper()
            for password in re.findall(r"""(?:password|user_\w+)\s*=\s*\\?["']([^"'\\]+)""", value)
        ]
        return [form for value in found for form in dict.fromkeys((value, value.strip("\"' ")))]

    @property
    def errors(self) -> list[Finding]:
        """What can't work in its own settings, the worst first."""
        return [finding for finding in self.findings if finding.level == "error"]

    @property
    def all_errors(self) -> list[Finding]:
        """What can't work, its own settings first."""
        return [*self.errors, *(finding for finding in self.other_findings if finding.level == "error")]


def read_surroundings(name: str) -> Surroundings:
    """Return what is known of a container and of those around it. Raises HostError, RuntimeFailed."""
    engine = Engine()
    container = inspect_container(engine, name)
    others = tuple(neighbours(engine, container))
    return Surroundings(container, others, *container_findings(container, others))
