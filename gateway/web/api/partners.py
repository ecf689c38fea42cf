"""Partners through the API: the list, one partner, and applying partner files as `gateway partner apply` does."""

from __future__ import annotations

import json
from typing import Any

from gateway.partners.errors import OperationError, PartnerClashError, PartnerFileError, PartnerNotFoundError
from gateway.web.api.calls import Answer, Call
from gateway.web.api.problems import RefusalError

__all__ = ["apply", "list_partners", "show"]


def list_partners(call: Call) -> Answer:
    """One page of partners, by code."""
    asked = call.query
    found = [
        each
        for each in sorted(call.site.operate("partner.list", {})["partners"], key=lambda each: str(each["code"]))
        if (not asked.status or each["status"] == asked.status) and (asked.after is None or each["code"] > asked.after)
    ]
    page = found[: asked.limit]
    return Answer({"partners": page, "next": page[-1]["code"] if len(found) > asked.limit else None})


def show(call: Call) -> Answer:
    """One partner."""
    try:
        return Answer(call.site.operate("partner.show", {"name": call.path["code"], "version": call.query.version}))
    except PartnerNotFoundError as error:
        raise RefusalError("not-found", error.message, error.fix or "GET /partners lists them.") from error


def apply(call: Call) -> Answer:
    """Make the partners what the body says; those that it does not name stay as they are."""
    asked = call.query
    parameters = {
        "files": [{"name": "body", "text": _text(call)}],
        "author": call.bearer.actor,
        "reason": asked.reason,
        "dry_run": asked.dry_run,
    }
    try:
        return Answer(call.site.operate("partner.apply", parameters))
    except PartnerFileError as error:
        errors = [
            {"path": each.path, "message": _place(each.line) + each.message, "fix": each.fix} for each in error.problems
        ]
        raise RefusalError("refused", "The partner file has mistakes; nothing was changed.", errors=errors) from error
    except PartnerClashError as error:
        errors = [{"path": "", "message": line, "fix": ""} for line in error.details]
        raise RefusalError("conflict", "Two partners would claim the same thing.", error.fix, errors=errors) from error
    except OperationError as error:
        raise RefusalError("refused", error.message, error.fix) from error


def _place(line: int) -> str:
    return f"line {line}: " if line else ""


def _text(call: Call) -> str:
    """The partner file as YAML text; JSON is written anew, a field to a line, so that lines can be named."""
    try:
        text = call.body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RefusalError(
            "bad-request", f"Byte {error.start} of the body is not UTF-8.", "Send it as UTF-8."
        ) from error
    if "json" not in call.headers.get("content-type", ""):
        return str(text)
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RefusalError("bad-request", f"The body is not JSON: {error}.", "Correct it, or send YAML.") from error
    return json.dumps(found, indent=1, ensure_ascii=False)
