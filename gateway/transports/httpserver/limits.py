"""What one sender, and all of them, may take of an HTTP listener, and its TLS identity."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["ServerLimits", "TlsFiles"]


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What one sender, and all of them, may take of us."""

    #: Largest body, in bytes; a partner's own limit may be lower.
    max_body_bytes: int = 100 << 20
    #: Bodies above this size go to a spool file.
    spool_above: int = 1 << 20
    #: Seconds from the first byte of a request to the end of its headers.
    header_seconds: float = 20.0
    #: Seconds without any byte.
    idle_seconds: float = 60.0
    #: Seconds for a whole body.
    body_seconds: float = 3600.0
    #: Least bytes a second, measured over ``rate_seconds``.
    bytes_per_second: int = 512
    rate_seconds: float = 20.0
    connections_per_address: int = 50
    connections: int = 500
    #: Complete requests that wait for a thread or work in one.
    waiting: int = 64
    #: Threads for what is done with a request.
    threads: int = 2


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files of a listener's TLS identity, which is never the AS2 one."""

    certificate: Path
    key: Path
