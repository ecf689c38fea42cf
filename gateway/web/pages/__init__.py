"""The pages, one module for each family of screens; each gives a Blueprint, listed here."""

from __future__ import annotations

from flask import Blueprint

from gateway.web.pages import (
    account,
    acknowledgements,
    alerts,
    audit,
    corrections,
    editor,
    entry,
    failures,
    home,
    inspector,
    messages,
    orders,
    partners,
    partners_edit,
    partners_keys,
    partners_status,
    partners_test,
    queues,
    style,
    system,
    users,
    views,
)

__all__ = ["FAMILIES"]

#: Every family, in the order of the side bar.
FAMILIES: list[Blueprint] = [
    home.pages,
    messages.pages,
    views.pages,
    orders.pages,
    failures.pages,
    corrections.pages,
    acknowledgements.pages,
    partners.pages,
    partners_edit.pages,
    partners_keys.pages,
    partners_status.pages,
    partners_test.pages,
    queues.pages,
    inspector.pages,
    alerts.pages,
    audit.pages,
    system.pages,
    users.pages,
    style.pages,
    account.pages,
    entry.pages,
    editor.pages,
]
