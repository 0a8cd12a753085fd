"""The registry of known faults, and the code that names its rows."""

import ast
from pathlib import Path

import labctl
from labctl.known_faults import KNOWN_FAULTS

SOURCE = Path(labctl.__file__).parent
ERRORS = {"LabError", "HostError", "LabStopped"}  # (message, hint, fault)


def _named_faults(tree):
    """The literal names of faults: the third argument of an error, and every argument `fault`."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call):
            values = [keyword.value for keyword in call.keywords if keyword.arg == "fault"]
            if isinstance(call.func, ast.Name) and call.func.id in ERRORS:
                values += call.args[2:3]
            yield from (value.value for value in values if isinstance(value, ast.Constant) and value.value)


def test_every_fault_that_the_code_names_is_in_the_registry():
    """An error with a misspelled fault would lead to no row of docs/faults.md."""
    named = {name for path in SOURCE.rglob("*.py") for name in _named_faults(ast.parse(path.read_text()))}
    assert len(named) > 10
    assert named <= {fault.name for fault in KNOWN_FAULTS}


def test_every_row_says_what_to_do():
    """A cause, a remedy, and where a pattern comes from."""
    for fault in KNOWN_FAULTS:
        assert fault.cause, fault.name
        assert fault.remedy, fault.name
        assert (fault.pattern is None) == (fault.origin == "labctl"), fault.name
        assert bool(fault.source) == (fault.pattern is not None), fault.name
