"""The images that the cases need, built where the engine does not have them."""

from __future__ import annotations

import os
import shutil
import subprocess

from labctl.errors import LabError
from labctl.lab.reporter import NullReporter
from labctl.runtime.docker.engine import Engine
from labctl.runtime.docker.image import DEFAULT_BASE, REPOSITORY, build_image
from labctl.spec.model import default_spec
from scripts.stock_like_image import KINDS, Kind, build

STOCK_LIKE = KINDS[0]


class UnavailableError(Exception):
    """A case can't run on this machine; the message is the reason."""


def stock_like_image(kind: Kind = STOCK_LIKE) -> str:
    """Return the name of an image that behaves like apache/kafka, built if necessary. Raises UnavailableError."""
    version = default_spec().kafka.version
    if not Engine().has_image(f"{kind.repository}:{version}") and not (os.getuid() == 0 and shutil.which("mmdebstrap")):
        raise UnavailableError(f"{kind.repository}:{version} is not present, and to build it takes root and mmdebstrap")
    try:
        build(kind, Engine(), version)
    except (LabError, subprocess.CalledProcessError) as error:
        raise UnavailableError(f"{kind.repository}:{version} can't be built: {error}") from None
    return f"{kind.repository}:{version}"


def own_image() -> str:
    """Return the name of labctl's own image, built if necessary. Raises UnavailableError."""
    version = default_spec().kafka.version
    name = f"{REPOSITORY}:{version}"
    if not Engine().has_image(name):
        try:
            build_image(version, DEFAULT_BASE, "", NullReporter())
        except LabError as error:
            raise UnavailableError(f"{name} can't be built: {error}") from None
    return name
