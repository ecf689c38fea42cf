"""The pages, one module for each family of screens; each gives a Blueprint, listed here."""

from __future__ import annotations

from flask import Blueprint

from gateway.web.pages import (
    account,
    acknowledgements,
    audit,
    entry,
    failures,
    home,
    inspector,
    messages,
    partners,
    queues,
    style,
    system,
    users,
)

__all__ = ["FAMILIES"]

#: Every family, in the order of the side bar.
FAMILIES: list[Blueprint] = [
    home.pages,
    messages.pages,
    failures.pages,
    acknowledgements.pages,
    partners.pages,
    queues.pages,
    inspector.pages,
    audit.pages,
    system.pages,
    users.pages,
    style.pages,
    account.pages,
    entry.pages,
]
