"""What every section of the settings is, and how its mistakes are told."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["MEBIBYTE", "Section", "SettingsError"]

#: Bytes of a mebibyte.
MEBIBYTE = 1024 * 1024


class SettingsError(Exception):
    """The settings cannot be used; the message lists every problem with its file, line and remedy."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        #: One sentence for each problem.
        self.problems = problems


class Section(BaseModel):
    """A section refuses names it does not know, so that a typo never silently means the default."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)
