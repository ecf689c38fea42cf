"""Putting a cause right: the fixes that suit a case, one of them stored as a new profile version, and the replay.

The change, its correction and what follows from it for other messages are one step for the person: the profile and the
correction are written in one transaction, then every message of the case that waits is replayed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from gateway.messages import corrections
from gateway.messages.corrections import Correction, CorrectionKind, SecondPerson, needs_second_person
from gateway.messages.models import CaseFile
from gateway.partners import registry
from gateway.partners.errors import OperationError
from gateway.partners.profile import PartnerProfile
from gateway.pipeline.caseactions import replay_all
from gateway.pipeline.context import Pipeline
from gateway.pipeline.fixes import Fix, chosen, read_case
from gateway.pipeline.fixkinds import offers
from gateway.pipeline.operations import PipelineOperation
from gateway.pipeline.patched import patched_profile
from gateway.pipeline.sending import RequestError
from gateway.pipeline.trial import NO_SUCH_FIX, helpful, trial

__all__ = ["FIXING", "ProfileChangedError", "apply_fix"]

_CLOSED = ("resolved", "ignored")


class ProfileChangedError(RequestError):
    """The profile has another version than the fix was looked at with: it has to be looked at again."""


def suitable(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The fixes that suit a case (``id``), the best first: {"offers"}; nothing is changed.

    Each is {"kind", "place", "value", "title", "consequence", "ask", "choices"}; a choice is {"choice", "words",
    "consequence"}. Raises MessageNotFoundError.
    """
    with pipeline.store.read() as session:
        case = read_case(pipeline, session, str(parameters["id"]))
    found = []
    for offer in helpful(pipeline, case, offers(case)):
        first = offer.ways[0]
        found.append(
            {
                "kind": first.kind,
                "place": first.place,
                "value": first.value,
                "title": first.title,
                "consequence": first.consequence,
                "ask": offer.ask if len(offer.ways) > 1 else "",
                "choices": [
                    {"choice": way.choice, "words": way.words, "consequence": way.consequence} for way in offer.ways
                ],
            }
        )
    return {"offers": found}


def fix(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Store a fix of a case (``id``) as a new version of the profile, and replay what waits.

    ``fix`` names it by kind, place, value and choice; ``versions`` are the versions of the profiles that the person
    looked at, by partner. Gives {"id", "correction", "waiting", "message"} and what a replay gives; ``waiting`` is True
    when a second person has to apply it, and then nothing was changed yet. Raises RequestError, ProfileChangedError,
    PartnerClashError and MessageNotFoundError.
    """
    who, reason = str(parameters.get("actor") or "staff"), str(parameters.get("reason") or "").strip()
    case_id, asked = str(parameters["id"]), dict(parameters.get("fix") or {})
    if not reason:
        raise RequestError("A reason is needed: others will ask why.")
    wanted, looked_at = _looked_up(pipeline, case_id, asked)
    amounts = wanted.amounts
    if pipeline.second_person is SecondPerson.AMOUNTS and not amounts:
        amounts = bool(trial(pipeline, {"id": case_id, "fix": asked})["fix"]["amounts"])
    second = needs_second_person(pipeline.second_person, amounts_change=amounts)
    seen = {**looked_at, **{str(code): int(version) for code, version in (parameters.get("versions") or {}).items()}}
    work = partial(_stored, pipeline, case_id, wanted, who=who, reason=reason, seen=seen, second=second)
    identity, sentence = pipeline.store.writer.run(work)
    if second:
        told = f"{wanted.title}: this waits for a second person. Nothing was changed yet."
        return {"id": case_id, "correction": identity, "waiting": True, "message": told}
    return {**_replayed(pipeline, case_id, who, reason, sentence), "correction": identity, "waiting": False}


def apply_fix(pipeline: Pipeline, correction_id: str, actor: str, decision: str) -> dict[str, Any]:
    """Apply a stored fix that waits for a second person, and replay what waits of its case.

    Raises RequestError, CorrectionError, ProfileChangedError and PartnerClashError; then nothing was changed.
    """

    def run(session: Session) -> tuple[str, str, str]:
        row = corrections.find(session, correction_id)
        second = bool(row.change.get("second_person"))
        result = _changed(session, pipeline, row, actor, pipeline.clock())
        corrections.apply(
            session, row, actor=actor, now=pipeline.clock(), second_person=second, result=result, decision=decision
        )
        return row.case_id or "", row.reason, _sentence(row, result)

    case_id, reason, sentence = pipeline.store.writer.run(run)
    return _replayed(pipeline, case_id, actor, reason, sentence)


# -- parts -----------------------------------------------------------------------------------------------------


def _looked_up(pipeline: Pipeline, case_id: str, asked: Mapping[str, Any]) -> tuple[Fix, dict[str, int]]:
    """The fix, and the versions of the profiles that it was built from."""
    with pipeline.store.read() as session:
        before = {profile.code: version for version, profile in registry.list_partners(session)}
        case = read_case(pipeline, session, case_id)
        found = chosen(offers(case), asked)
    if found is None:
        raise RequestError(*NO_SUCH_FIX)
    return found, {code: before[code] for code in found.patches}


def _stored(
    pipeline: Pipeline,
    case_id: str,
    wanted: Fix,
    session: Session,
    *,
    who: str,
    reason: str,
    seen: Mapping[str, int],
    second: bool,
) -> tuple[str, str]:
    """Store the correction and, without a second person, the profiles: (its id, what was done)."""
    now = pipeline.clock()
    case = session.get_one(CaseFile, case_id)
    if case.review in _CLOSED:
        raise RequestError(f"It is {case.review} already.", "Nothing was changed.")
    bases = [{"partner": code, "base": seen[code], "patch": patch} for code, patch in wanted.patches.items()]
    planned = registry.plan(session, _after(session, pipeline, bases))
    changes = [
        {**base, "differences": registry.change_json(change)["differences"]}
        for base, change in zip(bases, planned, strict=True)
    ]
    row = corrections.propose(
        session,
        kind=CorrectionKind.FIX,
        title=wanted.title,
        reason=reason,
        change={"fix": wanted.parameters, "profiles": changes, "second_person": second},
        author=who,
        now=now,
        case_id=case_id,
        partner=next(iter(wanted.patches)),
    )
    if second:
        return row.id, ""
    result = _changed(session, pipeline, row, who, now)
    corrections.apply(session, row, actor=who, now=now, second_person=False, result=result)
    return row.id, _sentence(row, result)


def _changed(session: Session, pipeline: Pipeline, row: Correction, actor: str, now: datetime) -> dict[str, Any]:
    """Store the new versions of the profiles that a correction changes: {"versions": {code: version}}."""
    after = _after(session, pipeline, row.change["profiles"])
    second = "" if actor == row.author else f", applied by {actor}"
    reason = f"{row.title}. {row.reason} (failure {row.case_id}{second})"
    made = registry.apply(session, after, row.author, reason, now)
    return {"versions": {change.code: change.version for change in made}}


def _after(session: Session, pipeline: Pipeline, bases: Sequence[Mapping[str, Any]]) -> list[PartnerProfile]:
    """The profiles as they would be; each of ``bases`` has a partner, the version that it is built on and a patch.

    Raises ProfileChangedError when another version is in force.
    """
    found = []
    for base in bases:
        version, profile = pipeline.directory.current(base["partner"], session)
        if base["base"] != version:
            sentence = f"version {base['base']} is {version} now. Nothing was saved."
            raise ProfileChangedError(
                f"The profile of {profile.name} was changed meanwhile: {sentence}", "Look at the dry run again."
            )
        after = patched_profile(profile, base["patch"])
        if after is None:
            raise RequestError(*NO_SUCH_FIX)
        found.append(after)
    return found


def _sentence(row: Correction, result: Mapping[str, Any]) -> str:
    versions: Sequence[tuple[str, int]] = list(result["versions"].items())
    stored = " and ".join(f"version {version} of {code}" for code, version in versions)
    return f"{row.title}: stored as {stored}."


def _replayed(pipeline: Pipeline, case_id: str, who: str, reason: str, sentence: str) -> dict[str, Any]:
    """Let the doors know the new profiles, and start every message that waits again."""
    pipeline.profiles_changed()
    try:
        done = replay_all(pipeline, {"id": case_id, "actor": who, "reason": reason})
    except OperationError as error:
        return {"id": case_id, "done": 0, "refused": [], "message": f"{sentence} {error}"}
    return {**done, "message": f"{sentence} {done['message']}"}


#: Name → operation.
FIXING: dict[str, PipelineOperation] = {"case.fixes": suitable, "case.fix": fix}
