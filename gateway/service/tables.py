"""Every table of the database is known as soon as a context is open, whatever else a command loads.

Retention asks the tables which of them name a payload; one that it did not know would lose its content.
"""

from __future__ import annotations

import gateway.alerts.models
import gateway.messages.corrections
import gateway.messages.models
import gateway.messages.notes
import gateway.messages.ordermodels
import gateway.messages.searchkeys
import gateway.messages.views
import gateway.partners.models
import gateway.staff.models
import gateway.store.secrets
import gateway.transports.sftp.models  # noqa: F401 - imported for their tables
from gateway.store.base import Base

__all__ = ["TABLES"]

#: The names of all tables.
TABLES = frozenset(Base.metadata.tables)
