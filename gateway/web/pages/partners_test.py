"""Test connection: the test of a partner's servers, begun by a button, told step by step."""

from __future__ import annotations

import logging
import secrets
from typing import Any

from flask import Blueprint, abort, current_app, g, redirect, render_template, url_for
from flask.blueprints import BlueprintSetupState

from gateway.control import describe
from gateway.partners import registry
from gateway.partners.errors import PartnerNotFoundError
from gateway.web.pages.common import done
from gateway.web.pages.partners import STATUSES
from gateway.web.security import visitor
from gateway.web.site import the_site
from gateway.web.trials import Trials

__all__ = ["pages"]

logger = logging.getLogger(__name__)

pages = Blueprint("partners_test", __name__, url_prefix="/partners")


@pages.record_once
def _keep_trials(state: BlueprintSetupState) -> None:
    state.app.extensions["gateway.trials"] = Trials()


@pages.get("/<code>/test")
def show(code: str) -> Any:
    """What came of the last test; the page looks again while one runs."""
    profile = _profile(code)
    return render_template(
        "partner_test.html", p=profile, status=STATUSES[profile.status.value], trial=_trials().find(code)
    )


@pages.post("/<code>/test")
def start(code: str) -> Any:
    """Begin a test in the background."""
    site = the_site()
    _profile(code)
    begun = _trials().start(
        code, visitor().name, g.now, lambda: site.operate("partner.test", {"name": code}), _sentence
    )
    if begun is None:
        done("Two other tests run now. Try again when one of them has ended.", "warn")
    return redirect(url_for("partners_test.show", code=code), 303)


def _profile(code: str) -> Any:
    with the_site().read() as session:
        try:
            return registry.get(session, code)
        except PartnerNotFoundError as error:
            abort(404, str(error))


def _trials() -> Trials:
    found: Trials = current_app.extensions["gateway.trials"]
    return found


def _sentence(error: Exception) -> str:
    known = describe(error)
    if known is not None:
        return f"{known.error} {known.fix}".strip()
    reference = secrets.token_hex(4)
    logger.error("the test of a partner failed, error id %s", reference, exc_info=error)
    return f"The test itself failed (error id {reference}). The log of the gateway has the details under that id."
