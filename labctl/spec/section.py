"""What every part of lab.yaml's model shares."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

HIGHEST_PORT = 65535

PortNumber = Annotated[int, Field(ge=1, le=HIGHEST_PORT)]


class Section(BaseModel):
    """Keys of lab.yaml: no others are accepted, and each has exactly its type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
