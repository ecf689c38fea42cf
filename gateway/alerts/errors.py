"""What can be wrong with a channel or a mute, in sentences for people."""

from __future__ import annotations

__all__ = ["AlertError", "SendError"]


class AlertError(Exception):
    """Something about alerts was refused; ``fix`` says what to do, ``field`` names the field of the form."""

    def __init__(self, message: str, fix: str = "", field: str = "") -> None:
        super().__init__(message)
        self.fix = fix
        self.field = field


class SendError(Exception):
    """A message could not be handed over now; ``str()`` is a sentence for staff without any secret."""
