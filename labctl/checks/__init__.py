"""The checks: records written and read through every listener. CHECKS is the table; each check has a file."""

from __future__ import annotations

from labctl.checks.runner import new_run, run_checks
from labctl.checks.table import CHECKS, Check, selected

__all__ = ["CHECKS", "Check", "new_run", "run_checks", "selected"]
