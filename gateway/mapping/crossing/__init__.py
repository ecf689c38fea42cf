"""Crossing standards: what came as X12, UBL or cXML, or from a back office, made fit for another standard.

`cross` picks the set, adds what that set must have (parties, currency, amounts, numbers), replaces words and prices by
those that the other standard has, and lists every field that is assumed, changed or not carried. A received document
is then written, read back and compared with what was received, so that no difference goes without a finding.
"""

from __future__ import annotations

from gateway.mapping.crossing.engine import cross
from gateway.mapping.crossing.sets import SET_OF_KIND, set_for
from gateway.mapping.crossing.values import Crossed, CrossingHints

__all__ = ["SET_OF_KIND", "Crossed", "CrossingHints", "cross", "set_for"]
