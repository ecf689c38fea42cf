"""A partner's profile as people read it: by groups, each value with where it comes from, never a secret.

Stored secrets stand in a profile by their names only; certificates are told by what they are, not by their text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.partners.certificates import certificate_facts, load_certificate
from gateway.partners.errors import CertificateError
from gateway.partners.explain import model_at
from gateway.partners.profile import PartnerProfile
from gateway.web.view.words import words

__all__ = ["Group", "Row", "field_words", "group_words", "groups", "told"]

#: Parts that have a place of their own on the page.
_ELSEWHERE: Final = frozenset({"as2.certificates"})
#: Names of fields whose text is never shown, should one ever hold a value and not a reference.
_GUARDED: Final = re.compile(r"secret|password|passphrase|private|token", re.IGNORECASE)
#: Characters of a value that are shown.
_MOST: Final = 600
#: Group of a profile → words, and name of a field → words; what is in neither is spelled out.
_GROUP: Final = {
    "ids": "Their identities",
    "ours": "Our identities towards them",
    "inbound": "What we take",
    "keep": "Retention",
}
_WORD: Final = {
    "xml": "XML",
    "isa": "ISA",
    "gs": "GS",
    "isa11": "ISA11",
    "isa12": "ISA12",
    "gs_by_set": "GS by set",
    "gln": "GLN",
    "duns": "DUNS",
    "url": "URL",
    "test_url": "Test URL",
    "mdn_mode": "MDN",
    "ta1": "TA1",
    "ak2": "AK2",
    "as2": "AS2",
    "http": "HTTP",
    "tls": "TLS",
    "cxml": "cXML",
    "scac": "SCAC",
    "mdn": "Receipt (MDN)",
    "mdn_signed": "Receipt signed",
    "mdn_url": "Receipt address",
    "mdn_wait_minutes": "Wait for a receipt",
    "mic_algorithm": "Digest of the receipt",
    "allowed_receipt_urls": "Receipt addresses allowed",
    "http_auth": "HTTP login",
    "st02_width": "ST02 width",
    "hl_order": "HL order",
    "customization_id": "CustomizationID",
    "profile_id": "ProfileID",
    "isa_length": "ISA length",
    "isa13_days": "ISA13 not again",
    "hosted": "Their account on our server",
    **{
        name: name.upper()
        for name in ("isa01", "isa02", "isa03", "isa04", "isa14", "isa13", "gs04", "gs05", "gs06", "gs07")
    },
}


@dataclass(frozen=True, slots=True)
class Row:
    """One value of a profile."""

    #: "as2.sign".
    path: str
    #: "Sign", "Received › 850 › Version".
    words: str
    #: What the field means; "" when nobody wrote it down.
    about: str
    value: str
    #: "" = the profile's own, "default", or "preset NAME".
    source: str


@dataclass(frozen=True, slots=True)
class Group:
    """One group of settings."""

    name: str
    words: str
    about: str
    rows: tuple[Row, ...]

    @property
    def own(self) -> int:
        """How many values are the profile's own."""
        return sum(not row.source for row in self.rows)


def groups(profile: PartnerProfile, preset: Mapping[str, Any]) -> list[Group]:
    """The profile by groups, the partner's own facts first. ``preset`` is what its presets say (`preset_values`)."""
    values = profile.model_dump(mode="json")
    bare = PartnerProfile(code=profile.code, name=profile.name, status=profile.status).model_dump(mode="json")
    found: list[Group] = []
    own: list[Row] = []
    for name, field in PartnerProfile.model_fields.items():
        default, under = bare.get(name), preset.get(name)
        rows = list(_rows((name,), values[name], default, under, profile.preset or "preset"))
        if model_at((name,)) is not None and isinstance(values[name], dict):
            found.append(Group(name, group_words(name), field.description or "", tuple(rows)))
        elif name in ("code", "name", "status"):
            own += [Row(row.path, row.words, row.about, row.value, "") for row in rows]
        else:
            own += rows
    return [Group("partner", "Partner", "Who it is, and whom to ask.", tuple(own)), *found]


def _rows(path: tuple[str, ...], value: Any, default: Any, under: Any, preset: str) -> Iterator[Row]:
    name = ".".join(path)
    if name in _ELSEWHERE:
        return
    if isinstance(value, dict) and value and set(value) != {"secret"}:
        for key, inner in value.items():
            yield from _rows((*path, key), inner, _at(default, key), _at(under, key), preset)
        return
    shown = told(value, path[-1])
    source = "default" if value == default else f"preset {preset}" if _same(value, under) else ""
    label = " › ".join(field_words(part) for part in (path[1:] or path))
    yield Row(name, label, _about(path), shown, source)


def _at(values: Any, key: str) -> Any:
    return values.get(key) if isinstance(values, Mapping) else None


def _same(value: Any, under: Any) -> bool:
    """Whether a preset says the same; a single value there may stand for a list of one."""
    return under is not None and (str(value) == str(under) or str(value) == str([under]))


def _about(path: tuple[str, ...]) -> str:
    model = model_at(path[:-1]) if len(path) > 1 else PartnerProfile
    field = model.model_fields.get(path[-1]) if model is not None else None
    return (field.description or "") if field is not None else ""


def group_words(name: str) -> str:
    """The name of a group of the profile for people."""
    return _GROUP.get(name) or field_words(name)


def field_words(name: str) -> str:
    """The name of a field for people."""
    return _WORD.get(name) or words(name)


def told(value: Any, name: str = "") -> str:
    """A value of a profile for people; what could be secret is told by its name only."""
    if value is None or value in ("", [], {}):
        return "none"
    if isinstance(value, dict):
        if set(value) == {"secret"}:
            return f"stored secret “{value['secret']}”"
        return ", ".join(
            f"{field_words(key).lower()} {told(inner, key)}" for key, inner in value.items() if inner is not None
        )
    if isinstance(value, list):
        return "; ".join(told(inner, name) for inner in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    if "PRIVATE KEY" in text or (isinstance(value, str) and _GUARDED.search(name)):
        return "hidden"
    if text.startswith("-----BEGIN CERTIFICATE"):
        return _certificate(text)
    if text.isspace() or any(not char.isprintable() for char in text):
        text = repr(text)[1:-1]
    return text if len(text) <= _MOST else f"{text[:_MOST]}…"


def _certificate(pem: str) -> str:
    try:
        facts = certificate_facts(load_certificate(pem))
    except CertificateError:
        return "a certificate"
    return f"certificate {facts.subject}, SHA-256 {facts.fingerprint[:23]}…"
