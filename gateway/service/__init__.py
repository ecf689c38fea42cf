"""The composition root: reads the settings, opens the store and starts what a role needs.

Nothing below knows how the parts are put together; here transports, pipeline and back office meet. Each name is loaded
when it is first used: a command that looks at the store does not load what listens to partners. What does is
``gateway.service.run``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.service.context import Context, open_context
    from gateway.service.operations import OPERATIONS

__all__ = ["OPERATIONS", "Context", "open_context"]

#: Name → the module that has it.
_HOMES = {
    "OPERATIONS": "gateway.service.operations",
    "Context": "gateway.service.context",
    "open_context": "gateway.service.context",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
