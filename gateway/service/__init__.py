"""The composition root: reads the settings, opens the store and starts what a role needs.

Nothing below knows how the parts are put together; here transports, pipeline and back office meet.
"""

from gateway.service.context import Context, open_context
from gateway.service.operations import OPERATIONS
from gateway.service.run import run

__all__ = ["OPERATIONS", "Context", "open_context", "run"]
