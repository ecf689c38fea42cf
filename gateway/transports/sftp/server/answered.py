"""What a partner is told when something goes wrong: a refusal in words, or a reference to our log, never our inside."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from asyncssh import SFTPError, SFTPFailure

from gateway.transports.sftp.names import NameRefusedError

__all__ = ["answered"]

logger = logging.getLogger(__name__)

S = TypeVar("S")
P = ParamSpec("P")
T = TypeVar("T")


def answered(method: Callable[Concatenate[S, P], Awaitable[T]]) -> Callable[Concatenate[S, P], Awaitable[T]]:
    """Let SFTP's own errors pass, say refused names in words, and turn everything else into a reference."""

    @wraps(method)
    async def guarded(self: S, /, *arguments: P.args, **named: P.kwargs) -> T:
        try:
            return await method(self, *arguments, **named)
        except SFTPError:
            raise
        except NameRefusedError as error:
            raise SFTPFailure(str(error)) from None
        except Exception:
            reference = os.urandom(4).hex()
            logger.exception("SFTP request %s failed (reference %s)", method.__name__, reference)
            sentence = f"The gateway could not do this now (reference {reference}). Try again later."
            raise SFTPFailure(sentence) from None

    return guarded
