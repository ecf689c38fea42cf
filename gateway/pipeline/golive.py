"""The status of a partner as staff change it; regular trade may need a second person to begin.

Where the house asks for a second person at all (`[staff] second_person`), going live waits as a correction until
another admin applies it. Everything else is a new version of the profile at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.messages import corrections
from gateway.messages.corrections import Correction, CorrectionKind, CorrectionState, SecondPerson
from gateway.partners import registry
from gateway.partners.errors import OperationError
from gateway.partners.profile import PartnerProfile, Status
from gateway.partners.statuses import goes_live, refuse_unready, with_status
from gateway.pipeline.context import Pipeline
from gateway.pipeline.operations import PipelineOperation
from gateway.pipeline.sending import RequestError

__all__ = ["GOING_LIVE", "apply_go_live", "waiting_of"]


def change_status(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Give a partner (``name``) another ``status``, as ``actor``, with a ``reason``.

    ``version`` is the one that the person looked at. Gives {"partner", "status", "version", "waiting", "message"};
    ``waiting`` is True when a second person has to apply it, and then nothing was changed yet. Raises OperationError
    with everything that is missing, PartnerChangedError, PartnerClashError and PartnerNotFoundError.
    """
    code, who = str(parameters["name"]), str(parameters.get("actor") or "staff")
    reason = str(parameters.get("reason") or "").strip()
    if not reason:
        raise RequestError("A reason is needed: others will ask why.")
    try:
        status = Status(str(parameters["status"]))
    except ValueError:
        raise RequestError(f'"{parameters["status"]}" is not a status of a partner.') from None
    seen = int(parameters["version"])

    def run(session: Session) -> dict[str, Any]:
        registry.require_versions(session, {code: seen})
        profile, now = registry.get(session, code), pipeline.clock()
        refuse_unready(session, profile, status, now)
        if goes_live(profile, status) and pipeline.second_person is not SecondPerson.NEVER:
            return _proposed(session, pipeline, profile, seen, author=who, reason=reason)
        (change,) = registry.apply(session, [with_status(profile, status)], who, reason, now)
        told = f"{profile.name} is {status.value} now (version {change.version})."
        return {"partner": code, "status": status.value, "version": change.version, "waiting": False, "message": told}

    done: dict[str, Any] = pipeline.store.writer.run(run)
    pipeline.profiles_changed()
    return done


def apply_go_live(pipeline: Pipeline, correction_id: str, actor: str, decision: str) -> dict[str, Any]:
    """Let a partner go live that waits for a second person.

    Raises what `change_status` raises, and CorrectionError for its author; then nothing was changed.
    """

    def run(session: Session) -> dict[str, Any]:
        row, now = corrections.find(session, correction_id), pipeline.clock()
        code, base = str(row.change["partner"]), int(row.change["base"])
        registry.require_versions(session, {code: base})
        profile = registry.get(session, code)
        refuse_unready(session, profile, Status.LIVE, now)
        reason = f"{row.reason} (second person: {actor})"
        (change,) = registry.apply(session, [with_status(profile, Status.LIVE)], row.author, reason, now)
        result = {"versions": {code: change.version}}
        corrections.apply(session, row, actor=actor, now=now, second_person=True, result=result, decision=decision)
        return {"partner": code, "message": f"{profile.name} is live now (version {change.version})."}

    done: dict[str, Any] = pipeline.store.writer.run(run)
    pipeline.profiles_changed()
    return done


def waiting_of(session: Session, code: str) -> Correction | None:
    """The going live of a partner that waits for a second person."""
    return session.scalars(
        select(Correction).where(
            Correction.kind == CorrectionKind.GO_LIVE.value,
            Correction.partner == code,
            Correction.state == CorrectionState.WAITING.value,
        )
    ).first()


def _proposed(
    session: Session, pipeline: Pipeline, profile: PartnerProfile, base: int, *, author: str, reason: str
) -> dict[str, Any]:
    if waiting_of(session, profile.code) is not None:
        raise OperationError(f"That {profile.name} goes live waits for a second person already.")
    (planned,) = registry.plan(session, [with_status(profile, Status.LIVE)])
    row = corrections.propose(
        session,
        kind=CorrectionKind.GO_LIVE,
        title=f"{profile.name} goes live",
        reason=reason,
        change={
            "partner": profile.code,
            "base": base,
            "second_person": True,
            "differences": [{"path": each.path, "before": each.old, "after": each.new} for each in planned.differences],
        },
        author=author,
        now=pipeline.clock(),
        partner=profile.code,
    )
    told = f"{profile.name} goes live when a second person applies it. Nothing was changed yet."
    return {"partner": profile.code, "correction": row.id, "waiting": True, "message": told}


#: Name → operation.
GOING_LIVE: dict[str, PipelineOperation] = {"partner.status": change_status}
