"""The log of the service: an outage of the database is a line for each part, not a page."""

from __future__ import annotations

import io
import logging

from gateway.service.run import _in_a_line_when_away
from gateway.store.errors import StoreUnreachableError


def logged(error: Exception) -> str:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.addFilter(_in_a_line_when_away)
    logger = logging.Logger("trial")
    logger.addHandler(handler)
    try:
        raise error
    except Exception:
        logger.exception("A sweep failed; the next one follows in %d s", 5)
    return out.getvalue()


def test_what_fails_for_want_of_the_database_is_one_line() -> None:
    said = logged(StoreUnreachableError("The database does not answer."))
    assert said == "A sweep failed; the next one follows in 5 s (the database cannot be reached)\n"


def test_any_other_fault_keeps_its_place_in_our_code() -> None:
    assert "Traceback" in logged(ValueError("odd"))
