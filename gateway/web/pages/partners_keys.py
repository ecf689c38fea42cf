"""Certificates and secrets of a partner: uploaded and looked at before they are saved; typed, sealed, never shown."""

from __future__ import annotations

import base64
from dataclasses import asdict
from datetime import datetime
from typing import Any

from flask import Blueprint, abort, g, redirect, render_template, request, url_for

from gateway.partners import registry
from gateway.partners.certificatefiles import MOST_BYTES, FoundCertificate, read_certificate_file
from gateway.partners.errors import CertificateError, PartnerNotFoundError
from gateway.partners.formtree import items_of
from gateway.partners.operations import op_partner_show
from gateway.partners.secretnames import secret_kind, secret_names, secret_of_file
from gateway.partners.yamlform import tree_text
from gateway.partners.yamltext import parse_yaml
from gateway.store.secrets import list_secrets
from gateway.web.pages.common import done, refusal
from gateway.web.pages.partners import STATUSES
from gateway.web.pages.partners_edit import confirmation
from gateway.web.profiledraft import begun, of_text, secrets_of_settings
from gateway.web.security import visitor
from gateway.web.site import the_site

__all__ = ["pages"]

pages = Blueprint("partners_keys", __name__, url_prefix="/partners")

ROLES = (
    ("sign", "to verify what they sign"),
    ("encrypt", "to encrypt what we send"),
    ("tls", "their web server, when it is pinned"),
)


# -- certificates --------------------------------------------------------------------------------------------------


@pages.get("/<code>/certificates")
def certificates(code: str) -> Any:
    """Those of the profile, and the upload of another one."""
    return _certificates(code)


@pages.post("/<code>/certificates")
def upload(code: str) -> Any:
    """Read a file and show what it holds; with ``do=take`` what saving would change."""
    if request.form.get("do") == "take":
        return _taken(code)
    file = request.files.get("file")
    data = file.stream.read(MOST_BYTES + 1) if file is not None and file.filename else b""
    data = data or request.form.get("pasted", "")[: MOST_BYTES + 1].encode("utf-8", "replace")
    try:
        found = read_certificate_file(data)
    except CertificateError as error:
        return _certificates(code, wrong=f"The file {error}.")
    return _certificates(code, found)


def _certificates(code: str, found: list[FoundCertificate] | None = None, wrong: str = "") -> Any:
    site = the_site()
    with site.read() as session:
        try:
            facts = op_partner_show(session, g.now, name=code)
        except PartnerNotFoundError as error:
            abort(404, str(error))
    known = {each["fingerprint"] for each in facts["certificates"]}
    usable = [each for each in found or [] if not each.problem and each.facts.fingerprint not in known]
    leaves = [each for each in usable if not each.authority] or usable
    page = render_template(
        "partner_certificates.html",
        p=facts,
        status=STATUSES[facts["status"]],
        certificates=[_used(each) for each in facts["certificates"]],
        found=[
            {
                **asdict(each),
                "there": each.facts.fingerprint in known,
                "ended": each.facts.not_after < g.now,
                "chosen": each in leaves,
            }
            for each in found or []
        ],
        usable=bool(usable),
        wrong=wrong,
        roles=ROLES,
    )
    return page, (400 if wrong else 200)


def _used(facts: dict[str, Any]) -> dict[str, Any]:
    return {**facts, "days": (datetime.fromisoformat(facts["used_until"]) - g.now).days}


def _taken(code: str) -> Any:
    """The profile with the chosen certificates, to be looked at before it is saved."""
    site, form = the_site(), request.form
    chosen = [form.get(f"pem{number}", "") for number in form.getlist("take") if number.isdecimal()]
    if not chosen:
        return _certificates(code, wrong="None of the certificates was chosen.")
    window = {name: form.get(name, "").strip()[:40] for name in ("valid_from", "valid_until")}
    entry = {
        "role": [role for role, _ in ROLES if role in form.getlist("role")],
        **{name: value for name, value in window.items() if value},
        **({"primary": "true"} if form.get("primary") == "1" else {}),
    }
    with site.read() as session:
        try:
            draft = begun(session, code, site.home)
        except PartnerNotFoundError as error:
            abort(404, str(error))
    tree = parse_yaml(draft.text, code).data
    as2 = {**(tree.get("as2") or {})}
    added = [{**entry, "pem": pem.replace("\r\n", "\n")[:MOST_BYTES]} for pem in chosen]
    as2["certificates"] = [*items_of(as2.get("certificates")), *added]
    return confirmation(of_text(draft, tree_text({**tree, "as2": as2})), "A new certificate of the partner.")


# -- secrets -------------------------------------------------------------------------------------------------------


@pages.get("/<code>/secrets")
def secrets(code: str) -> Any:
    """The secrets that the profile names, whether they are stored, and a field for each to set it."""
    return _secrets(code)


@pages.post("/<code>/secrets")
def store(code: str) -> Any:
    """Store or replace one of them; a token is made here and shown on the answer, once."""
    name, file = request.form.get("name", "")[:200], request.files.get("file")
    named = {name: path for path, name in _named(code)}
    if name not in named or name in secrets_of_settings(the_site()):
        abort(400, "That is not a secret that this partner's profile names.")
    kind = secret_kind(named[name])
    value = request.form.get("value", "").encode("utf-8")
    if not value and file is not None and file.filename:
        value = secret_of_file(file.stream.read(MOST_BYTES + 1))
    if len(value) > MOST_BYTES:
        return _secrets(code, wrong=(name, f"That has more than {MOST_BYTES} bytes."))
    asked = {"name": name, "kind": kind, "value": base64.b64encode(value).decode("ascii"), "actor": visitor().name}
    try:
        made = the_site().operate("secret.put", asked)
    except Exception as error:  # noqa: BLE001 - ``refusal`` raises again what nobody foresaw
        return _secrets(code, wrong=(name, refusal(error)))
    if "token" in made:
        return _secrets(code, made=made)
    done(f"The secret “{name}” is stored. It is never shown.")
    return redirect(url_for("partners_keys.secrets", code=code), 303)


def _named(code: str) -> list[tuple[str, str]]:
    with the_site().read() as session:
        try:
            return secret_names(registry.get(session, code))
        except PartnerNotFoundError as error:
            abort(404, str(error))


def _secrets(code: str, wrong: tuple[str, str] = ("", ""), made: dict[str, Any] | None = None) -> Any:
    named, others = _named(code), secrets_of_settings(the_site())
    with the_site().read() as session:
        stored = {secret.name: secret for secret in list_secrets(session)}
        facts = op_partner_show(session, g.now, name=code)
        shared = _shared(session, code, {name for _, name in named})
    lines: dict[str, dict[str, Any]] = {}
    for path, name in named:
        line = lines.setdefault(name, {"name": name, "paths": [], "kind": secret_kind(path)})
        line["paths"].append(path)
        line["since"] = stored[name].created_at.isoformat() if name in stored else None
        line["others"] = shared.get(name, [])
        line["elsewhere"] = name in others
    page = render_template(
        "partner_secrets.html",
        p=facts,
        status=STATUSES[facts["status"]],
        lines=list(lines.values()),
        wrong=wrong,
        made=made,
    )
    return page, (400 if wrong[1] else 200)


def _shared(session: Any, code: str, names: set[str]) -> dict[str, list[str]]:
    """Name of a secret → the other partners whose profiles name it, too."""
    found: dict[str, list[str]] = {}
    for _, profile in registry.list_partners(session):
        for name in {name for _, name in secret_names(profile)} & names:
            if profile.code != code:
                found.setdefault(name, []).append(profile.name)
    return found
