"""What every HTTP listener of ours has in common: bounded connections, spooled bodies, work in threads.

A listener is a `Listener` with a `BoundedFactory`; the request class of its protocol says which requests it takes and
what is done with them.
"""

from gateway.transports.httpserver.connection import BoundedChannel, BoundedFactory, BoundedRequest
from gateway.transports.httpserver.limits import ServerLimits, TlsFiles
from gateway.transports.httpserver.server import Listener

__all__ = ["BoundedChannel", "BoundedFactory", "BoundedRequest", "Listener", "ServerLimits", "TlsFiles"]
