"""The REST API under /api/v1: tokens, scopes, problems in words, and the very operations of the pages and commands."""

from __future__ import annotations

from gateway.web.api.routes import blueprint

__all__ = ["blueprint"]
