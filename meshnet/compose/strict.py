"""What all models of a Compose file have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """No key that isn't here; fields are the Compose keys themselves."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
