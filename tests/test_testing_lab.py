"""`labctl.testing.Lab` before it starts anything."""

import pytest

from labctl.errors import SpecError
from labctl.testing import Lab


def test_a_preset_that_does_not_exist():
    """The error lists the presets."""
    with pytest.raises(SpecError, match="there is no preset clustr; there are cluster, homework, isolated, secure"):
        Lab("clustr")
