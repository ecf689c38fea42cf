"""Which fixes suit which fault: one small function for each kind of fix, and the table that puts them together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from gateway.partners.profile import PartnerProfile, Status
from gateway.pipeline.fixes import Case, Fix, Maker, Offer, about_amounts, one_way, patched
from gateway.pipeline.fixidentities import moved_sender, receiver, sender
from gateway.pipeline.problems import ProblemKind

__all__ = ["offers"]

_MEBIBYTE = 1024 * 1024
#: Words for elements that are asked about most; others are called by their names.
_ELEMENTS = {"355": "a unit", "1000": "a service code", "235": "a product identifier", "98": "a role of a party"}
#: Switches of ``inbound`` that decide about an element's form: field → (mild value, what is allowed).
_SWITCHES = {
    "trailing_spaces": ("accept", "blanks at the end of values"),
    "trailing_separators": ("accept", "separators without elements at the end of segments"),
    "integer_point": ("accept", 'numbers that end in their point ("5.")'),
}
_CHARSETS = ("basic", "extended", "latin-1", "utf-8")
#: Findings that a switch may decide about.
_FORM = ("AK304-8", "AK403-6")
#: A finding that has a switch of its own.
_SETTLED_ELSEWHERE = ("TA105-022",)
#: Limits of XML files: rule → (field, factor, most).
_XML_LIMITS = {
    "XML-too-many-elements": ("max_elements", 4, 5_000_000),
    "XML-too-much-memory": ("max_memory", 2, 2048 * _MEBIBYTE),
}
_OVERLAY_KEYS = frozenset({"change", "tables", "fields", "blocks"})
#: Overlays that are offered, and bytes of one that are read.
_MOST_OVERLAYS, _OVERLAY_BYTES = 20, 256 * 1024


def offers(case: Case) -> list[Offer]:
    """Every fix that suits a case, the most likely one first; none for what no profile can put right."""
    found = [offer for make in _MAKERS.get(case.fault, ()) for offer in make(case)]
    valid = [Offer(tuple(fix for fix in offer.ways if patched(case, fix)), offer.ask) for offer in found]
    return [offer for offer in valid if offer.ways]


# -- codes and severities --------------------------------------------------------------------------------------


def _codes(case: Case) -> Iterator[Offer]:
    """A code that the standard does not have: taken at its place, or in every element of its kind."""
    seen: set[tuple[str, str]] = set()
    for finding in case.errors:
        place, number, name = case.element(finding)
        value = str(finding.get("value") or "")
        if finding["code"] != "AK403-7" or not number or not value or (place, value) in seen or case.profile is None:
            continue
        seen.add((place, value))
        what = _ELEMENTS.get(number) or name.lower().removesuffix(" code")
        title = f"Take {value} as {what} ({place}) from {case.name}"
        ways = [
            (place, f"only in {place}", f"The back office gets {value} as it came; elsewhere it stays an error."),
            (number, f"in every element {number}", f"The back office gets {value} as it came, wherever it stands."),
        ]
        yield Offer(
            tuple(
                Fix(
                    "code",
                    place,
                    value,
                    choice,
                    title,
                    consequence,
                    {case.profile.code: {"inbound": {"code_lists": _with_code(case.profile, choice, number, value)}}},
                    words,
                    about_amounts(name),
                )
                for choice, words, consequence in ways
            ),
            "Where",
        )


def _with_code(profile: PartnerProfile, where: str, number: str, value: str) -> dict[str, Any]:
    """The code lists that change when a code is taken at a place, or in every element with a number.

    A list of a place goes before that of its number: a new one begins with what holds there by now, and a code for
    every such element is added to the lists of places, too.
    """
    lists = {name: change.model_dump(mode="json") for name, change in profile.inbound.code_lists.items()}
    found = {where: lists.get(where) or lists.get(number) or {"add": [], "only": []}}
    if where == number:
        found |= {name: change for name, change in lists.items() if not name.isdigit()}
    return {name: {**change, "add": sorted({*change["add"], value})} for name, change in found.items()}


def _severities(case: Case) -> Iterator[Offer]:
    """The rule is only warned about: at its place, or wherever it is broken."""
    seen: set[str] = set()
    for finding in case.errors:
        code = str(finding["code"])
        place, _, name = case.element(finding)
        place = place or (str(finding.get("segment") or "") if case.release else "")
        here = f"{code} {place}" if place else code
        if here in seen or code in _SETTLED_ELSEWHERE or code.startswith(("XSD-", "XML-", "MAP-")):
            continue
        seen.add(here)
        where = f" in {place}" if place else ""
        after = "Such documents go on as they are; the answer to them notes the error."
        if not case.release:
            after = "Such documents go on as they are, with a warning."
        ways = [(here, f"only in {place}")] * bool(place) + [(code, "wherever the rule is broken")]
        yield Offer(
            tuple(
                Fix(
                    "severity",
                    here,
                    "warning",
                    choice,
                    f"Only warn {case.name} about {_rule(finding)}{where}",
                    after,
                    {case.partner or "": {"inbound": {"severities": {choice: "warning"}}}},
                    words,
                    about_amounts(code) or about_amounts(name),
                )
                for choice, words in ways
            ),
            "Where",
        )


def _rule(finding: Mapping[str, Any]) -> str:
    """A rule in words for a title: "AK403-7", "the rule ubl-payable"."""
    code = str(finding["code"])
    return f"the rule {code.removeprefix('RULE-')}" if code.startswith("RULE-") else code


# -- switches --------------------------------------------------------------------------------------------------


def _form(case: Case) -> Iterator[Offer]:
    """Blanks, separators, points and characters that the profile refuses by a switch of its own."""
    if case.profile is None or not any(finding["code"] in _FORM for finding in case.errors):
        return
    inbound = case.profile.inbound
    for name, (mild, words) in _SWITCHES.items():
        if getattr(inbound, name) != mild:
            title, after = f"Allow {words} from {case.name}", "They are read as if they were not there."
            yield one_way(case, "setting", f"inbound.{name}", mild, title, after, {"inbound": {name: mild}})
    for charset in _CHARSETS[_CHARSETS.index(inbound.charset) + 1 :]:
        title = f"Read the characters of {charset} from {case.name}"
        after = "Letters beyond X12's own sets are taken as they are."
        yield one_way(case, "setting", "inbound.charset", charset, title, after, {"inbound": {"charset": charset}})


def _isa_length(case: Case) -> Iterator[Offer]:
    if case.profile is not None and case.profile.inbound.isa_length == "strict":
        title = f"Read an ISA of any length from {case.name}"
        after = "It is read by its separators, with a warning."
        patch = {"inbound": {"isa_length": "lenient"}}
        yield one_way(case, "setting", "inbound.isa_length", "lenient", title, after, patch)


def _bad_set(case: Case) -> Iterator[Offer]:
    if case.profile is not None and case.profile.inbound.bad_set == "preserve" and case.rule == ("preserve",):
        title = f"Process the good sets of a group from {case.name}"
        after = "A bad set is rejected alone; the good ones beside it go on."
        yield one_way(case, "setting", "inbound.bad_set", "split", title, after, {"inbound": {"bad_set": "split"}})


def _repeats(case: Case) -> Iterator[Offer]:
    if case.set_id in ("850", "Order", "OrderRequest"):
        title = f"Take orders from {case.name} again under a number that they had before"
        after = "Two orders with one number both go to the back office."
        patch = {"inbound": {"duplicates": {"purchase_order": "accept"}}}
        yield one_way(case, "setting", "inbound.duplicates.purchase_order", "accept", title, after, patch)


def _tests(case: Case) -> Iterator[Offer]:
    title, after = f"Process test data from {case.name}", "What is marked as a test goes to the back office, too."
    patch = {"inbound": {"test_in_live": "process"}}
    yield one_way(case, "setting", "inbound.test_in_live", "process", title, after, patch)


def _status(case: Case) -> Iterator[Offer]:
    if case.profile is not None and case.profile.status is Status.PAUSED:
        title, after = f"Set {case.name} live again", "Messages go both ways from then on."
        yield one_way(case, "setting", "status", "live", title, after, {"status": "live"})


def _approval(case: Case) -> Iterator[Offer]:
    title = f"Ask for no approval of {case.set_id} from {case.name}"
    after = "Every further one goes to the back office unseen."
    patch = {"documents": {"received": {case.set_id: {"auto_post": True}}}}
    yield one_way(case, "setting", f"documents.received.{case.set_id}.auto_post", "true", title, after, patch)


def _accepted(case: Case) -> Iterator[Offer]:
    """A set or version that is not agreed on, when the profile lists what is."""
    if case.profile is None or len(case.rule) < 1 or not case.set_id:
        return
    if not case.release:
        documents = [each.model_dump(mode="json") for each in case.profile.xml.documents]
        if documents:
            title, after = f"Take {case.set_id} from {case.name}", "It is read by its schema and map like any other."
            patch: dict[str, Any] = {"xml": {"documents": [*documents, {"root": case.set_id}]}}
            yield one_way(case, "accepted", case.set_id, "", title, after, patch)
        return
    version = case.rule[1] if len(case.rule) > 1 else ""
    listed = [each.model_dump(mode="json") for each in case.profile.inbound.accepted]
    if not listed or not version:
        return
    named = any(entry["set"] == case.set_id for entry in listed)
    if named:
        listed = [{**e, "versions": [*e["versions"], version]} if e["set"] == case.set_id else e for e in listed]
    else:
        listed.append({"set": case.set_id, "versions": [version]})
    title, after = f"Take {case.set_id} in {version} from {case.name}", "It is checked and mapped like any other."
    yield one_way(case, "accepted", case.set_id, version, title, after, {"inbound": {"accepted": listed}})


def _limits(case: Case) -> Iterator[Offer]:
    """A file that is above a limit of the profile."""
    if case.profile is None or not case.rule:
        return
    if case.rule[0] in ("size", "XML-too-large") and case.size > case.profile.inbound.max_bytes:
        limit = -(-case.size // _MEBIBYTE) * _MEBIBYTE
        title = f"Read files of up to {limit // _MEBIBYTE:,} MiB from {case.name}"
        after = "Reading one takes several times its size of memory."
        yield one_way(case, "limit", "inbound.max_bytes", str(limit), title, after, {"inbound": {"max_bytes": limit}})
    if case.rule[0] == "sets":
        limit = case.profile.inbound.max_sets * 10
        title = f"Take interchanges of up to {limit:,} sets from {case.name}"
        after = "Such an interchange takes longer and more memory."
        yield one_way(case, "limit", "inbound.max_sets", str(limit), title, after, {"inbound": {"max_sets": limit}})
    if case.rule[0] in _XML_LIMITS:
        name, factor, most = _XML_LIMITS[case.rule[0]]
        limit = min(getattr(case.profile.xml, name) * factor, most)
        if limit > getattr(case.profile.xml, name):
            shown = f"{limit:,} elements" if name == "max_elements" else f"{limit // _MEBIBYTE:,} MiB of memory"
            title = f"Read XML files of up to {shown} from {case.name}"
            after = "Such a file takes longer and more memory."
            yield one_way(case, "limit", f"xml.{name}", str(limit), title, after, {"xml": {name: limit}})


# -- maps ------------------------------------------------------------------------------------------------------


def _overlays(case: Case) -> Iterator[Offer]:
    """The overlays of maps that lie in the working directory."""
    folder = case.pipeline.workdir / "maps" if case.pipeline.workdir else None
    if case.profile is None or folder is None or not case.set_id:
        return
    settings = case.profile.documents.received.get(case.set_id)
    used = settings.map_overlay if settings else None
    names = [name for name in _overlay_files(folder) if name != used][:_MOST_OVERLAYS]
    ways = [
        Fix(
            "overlay",
            case.set_id,
            "",
            name,
            f"Read {case.set_id} from {case.name} with an overlay of its map",
            "It is the map's for everything of this kind that they send.",
            {case.profile.code: {"documents": {"received": {case.set_id: {"map_overlay": name}}}}},
            name,
            amounts=True,
        )
        for name in names
    ]
    if ways:
        yield Offer(tuple(ways), "File")


def _without_guide(case: Case) -> Iterator[Offer]:
    """A guide that cannot be read is taken out of the profile."""
    if case.profile is None or not case.rule:
        return
    name = case.rule[0]
    sets = [set_id for set_id, settings in case.profile.documents.received.items() if settings.guide == name]
    patch: dict[str, Any] = {"documents": {"received": {set_id: {"guide": None} for set_id in sets}}}
    if case.profile.inbound.guide == name:
        patch["inbound"] = {"guide": None}
    if sets or "inbound" in patch:
        title, after = f"Judge {case.name} without the guide {name}", "Only the standard's own rules hold then."
        yield one_way(case, "guide", name, "", title, after, patch)


def _overlay_files(folder: Path) -> Iterator[str]:
    """Files below a folder of maps that hold changes of a map, and no map: "harbor/850.yaml"."""
    for path in sorted(folder.rglob("*.y*ml")):
        try:
            if path.stat().st_size > _OVERLAY_BYTES:
                continue
            top = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError):
            continue
        if isinstance(top, dict) and top and set(top) <= _OVERLAY_KEYS:
            yield path.relative_to(folder).as_posix()


#: Fault → who makes offers for it, in their order. A signature or a key that does not fit has none: loosening it
#: takes more than a click.
_MAKERS: dict[str, tuple[Maker, ...]] = {
    ProblemKind.INVALID.value: (_codes, _form, _bad_set, _severities),
    ProblemKind.BUSINESS_RULE.value: (_severities,),
    ProblemKind.ENVELOPE.value: (_isa_length, _severities),
    ProblemKind.UNKNOWN_SENDER.value: (sender,),
    ProblemKind.SENDER_MISMATCH.value: (moved_sender,),
    ProblemKind.UNKNOWN_RECEIVER.value: (receiver,),
    ProblemKind.UNKNOWN_SET.value: (_accepted,),
    ProblemKind.UNKNOWN_VERSION.value: (_accepted,),
    ProblemKind.MAPPING.value: (_overlays,),
    ProblemKind.GUIDE.value: (_without_guide,),
    ProblemKind.APPROVAL.value: (_approval,),
    ProblemKind.DUPLICATE_NUMBER.value: (_repeats,),
    ProblemKind.TEST_DATA.value: (_tests,),
    ProblemKind.PARTNER_STATUS.value: (_status,),
    ProblemKind.UNREADABLE.value: (_limits, _isa_length),
}
