"""A profile that somebody is changing in the browser: its text and tree, what is wrong with it, and what would change.

Nothing of it is stored before it is saved. It is judged and saved by the very operation of the command line
(`op_partner_apply`), with the version that it was begun from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from gateway.partners import registry
from gateway.partners.errors import OperationError, PartnerClashError, PartnerFileError, Problem
from gateway.partners.formmerge import merged
from gateway.partners.formtree import items_of, typed_tree
from gateway.partners.operations import op_partner_apply
from gateway.partners.presets import preset_names, preset_reader, preset_values, sftp_preset_names
from gateway.partners.profile import PartnerProfile
from gateway.partners.secretnames import secret_names
from gateway.partners.yamlform import dump_partner, inherited_values, read_partners, tree_text
from gateway.partners.yamltext import dotted, parse_yaml
from gateway.web.place import own_settings
from gateway.web.site import Site
from gateway.web.view.profileform import Section, sections
from gateway.web.view.profiles import told

__all__ = [
    "Draft",
    "Look",
    "Mistake",
    "begun",
    "both_changes",
    "laid_over",
    "look",
    "of_text",
    "readable",
    "request_of",
    "secrets_of_settings",
    "sections_of",
    "typed",
]

_ALWAYS = ("code", "name", "status", "preset")


@dataclass(frozen=True, slots=True)
class Draft:
    """What a form holds of a profile."""

    code: str
    #: Version that it was begun from; 0 = there is no such partner yet.
    base: int
    text: str
    #: "fields" or "text".
    mode: str = "fields"
    #: Path → what could not be taken as it was typed.
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong with a draft."""

    #: Line of the text, 0 when the whole is meant; dotted path, "" when no field is.
    line: int
    path: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Look:
    """What saving a draft would do."""

    mistakes: tuple[Mistake, ...] = ()
    profile: PartnerProfile | None = None
    #: {"path", "old", "new"} as people read them; secrets by their names only.
    differences: tuple[dict[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    #: Version that it would be.
    version: int = 0

    @property
    def by_path(self) -> dict[str, list[str]]:
        """The sentences about each field."""
        found: dict[str, list[str]] = {}
        for mistake in self.mistakes:
            found.setdefault(mistake.path, []).append(mistake.sentence)
        return found


def begun(session: Session, code: str, home: Path | None, version: int | None = None) -> Draft:
    """The draft that a stored profile is, in its current or an earlier version. Raises PartnerNotFoundError.

    An earlier version keeps the status of today: that has buttons of its own.
    """
    profile, current = registry.get(session, code, version), registry.get(session, code)
    base = next(info.version for info in registry.history(session, code) if info.current)
    text = dump_partner(profile, home)
    if profile.status is not current.status:
        text = tree_text({**parse_yaml(text, code).data, "status": current.status.value})
    return Draft(code, base, text)


def of_text(draft: Draft, text: str) -> Draft:
    """The draft with another text."""
    return replace(draft, text=text.replace("\r\n", "\n"), refused={})


def typed(draft: Draft, form: Mapping[str, Sequence[str]], home: Path | None, action: str = "") -> Draft:
    """The draft with what was typed into its fields. Raises PartnerFileError when its text cannot be read."""
    tree = _tree(draft)
    made = typed_tree(tree, form, _inherited(tree, home), action)
    text = draft.text if made.tree == tree else tree_text(made.tree)
    return replace(draft, text=text, refused=made.refused)


def sections_of(draft: Draft, found: Look, home: Path | None) -> list[Section]:
    """The form of a draft. Raises PartnerFileError when its text cannot be read."""
    tree = _tree(draft)
    presets = _presets_of(tree)
    below = _safely(presets, home)
    choices = {"preset": preset_names(home), "sftp.preset": sftp_preset_names(home)}
    return sections(tree, _inherited(tree, home), below, found.by_path, choices)


def look(session: Session, draft: Draft, site: Site, now: datetime) -> Look:
    """Judge a draft; raises PartnerChangedError when another version is in force than it was begun from."""
    try:
        _tree(draft)
        asked = request_of(draft, site.home)
        result = op_partner_apply(
            session, now, files=asked["files"], versions=asked["versions"], author="-", dry_run=True
        )
        profile = _read(draft, site.home)
        _refuse_elsewhere(session, draft, profile, site)
    except PartnerFileError as error:
        told_here = tuple(
            Mistake(each.line, each.path, f"{each.message} {each.fix}".strip()) for each in error.problems
        )
        return Look(told_here)
    except PartnerClashError as error:
        return Look(tuple(Mistake(0, dotted(clash.claim.path), clash.sentence) for clash in error.clashes))
    except OperationError as error:
        if type(error) is not OperationError:
            raise
        return Look(tuple(Mistake(0, "", f"{line} {error.fix}".strip()) for line in error.details or (str(error),)))
    refused = tuple(Mistake(0, path, sentence) for path, sentence in draft.refused.items())
    (change,) = result["changes"]
    return Look(
        refused,
        profile,
        tuple(readable(each) for each in change["differences"]),
        tuple(change["warnings"]),
        change["version"],
    )


def readable(difference: Mapping[str, Any]) -> dict[str, str]:
    """One difference for people."""
    path = str(difference["path"])
    name = path.rpartition(".")[2]
    return {"path": path, "old": told(difference["old"], name), "new": told(difference["new"], name)}


def request_of(draft: Draft, home: Path | None) -> dict[str, Any]:
    """What the operation ``partner.apply`` is asked for: the text with its presets, and the version it was begun from.

    Raises PartnerFileError.
    """
    presets: dict[str, str] = {}
    read = preset_reader(home)

    def preset(name: str) -> str:
        presets[name] = read(name)
        return presets[name]

    read_partners(draft.text, draft.code, _no_file, preset)
    file = {"name": draft.code, "text": draft.text, "files": {}, "presets": presets}
    return {"files": [file], "versions": {draft.code: draft.base}}


def laid_over(draft: Draft, session: Session, home: Path | None) -> tuple[Draft, list[str]]:
    """The draft over the version that is in force now, and the paths that both changed: there the draft's are kept."""
    base = _stored_tree(session, draft.code, draft.base, home)
    now = begun(session, draft.code, home)
    tree, conflicts = merged(base, _tree(draft), _tree(now))
    return replace(draft, base=now.base, text=tree_text(tree)), conflicts


def both_changes(
    draft: Draft, session: Session, home: Path | None
) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """(what others changed since, what the draft changes), for people."""
    base = _stored_tree(session, draft.code, draft.base, home)
    theirs, mine = _tree(begun(session, draft.code, home)), _tree(draft)

    def changed(tree: dict[str, Any]) -> list[dict[str, str]]:
        return [readable({"path": d.path, "old": d.old, "new": d.new}) for d in registry.differences(base, tree)]

    return changed(theirs), changed(mine)


def _stored_tree(session: Session, code: str, version: int, home: Path | None) -> dict[str, Any]:
    return parse_yaml(dump_partner(registry.get(session, code, version), home), code).data  # type: ignore[no-any-return]


def _tree(draft: Draft) -> dict[str, Any]:
    """The tree of the text. Raises PartnerFileError unless it holds one partner."""
    found = parse_yaml(draft.text, draft.code).data
    if not isinstance(found, dict):
        raise PartnerFileError([Problem(draft.code, 0, "", "must hold one partner.", "Begin with code: and name:.")])
    return found


def _read(draft: Draft, home: Path | None) -> PartnerProfile:
    (entry,) = read_partners(draft.text, draft.code, _no_file, preset_reader(home))
    return entry.profile


def _refuse_elsewhere(session: Session, draft: Draft, profile: PartnerProfile, site: Site) -> None:
    """Refuse what has a place of its own: the code, the status, private keys, and secrets of the settings."""
    wrong = []
    if "PRIVATE KEY-----" in draft.text:
        wrong.append(("", "holds a private key; a profile holds none.", "Name a secret, and set it under Secrets."))
    if profile.code != draft.code:
        wrong.append(("code", f'is "{profile.code}"; the code of a partner never changes.', f"Write {draft.code}."))
    before = registry.get(session, draft.code).status.value if draft.base else "draft"
    if profile.status.value != before:
        fix = f"Write {before} here." if draft.base else "A new partner begins as a draft."
        wrong.append(("status", "is changed by the buttons of the partner's page, which look at what is missing.", fix))
    reserved = secrets_of_settings(site)
    for path, name in secret_names(profile):
        if name in reserved:
            wrong.append((path, f'names the secret "{name}", which belongs to the settings.', "Choose another name."))
    if wrong:
        raise PartnerFileError([Problem(draft.code, 0, path, message, fix) for path, message, fix in wrong])


def secrets_of_settings(site: Site) -> frozenset[str]:
    """The stored secrets that the settings name: they are the gateway's and no partner's."""
    settings = own_settings(site)
    if settings is None:
        return frozenset()
    oidc = settings.web.oidc
    names = {settings.alerts.smtp_password_secret, oidc.client_secret if oidc is not None else ""}
    return frozenset(names - {""})


def _presets_of(tree: Mapping[str, Any]) -> tuple[str | None, list[str]]:
    sftp = tree.get("sftp")
    habits = items_of(sftp.get("preset")) if isinstance(sftp, Mapping) else []
    preset = tree.get("preset")
    return (preset if isinstance(preset, str) else None), [habit for habit in habits if isinstance(habit, str)]


def _safely(presets: tuple[str | None, list[str]], home: Path | None) -> dict[str, Any]:
    """What presets say; nothing when one of them is not right, which the look at the draft tells."""
    try:
        return preset_values(*presets, preset_reader(home))
    except PartnerFileError:
        return {}


def _inherited(tree: Mapping[str, Any], home: Path | None) -> dict[str, Any]:
    own = {key: tree[key] for key in _ALWAYS if isinstance(tree.get(key), str)}
    try:
        return inherited_values({"code": "x", "name": "x", **own}, _presets_of(tree)[1], preset_reader(home))
    except (PartnerFileError, ValueError):
        return inherited_values({"code": "x", "name": "x"}, (), preset_reader(home))


def _no_file(_name: str) -> str:
    raise OSError(0, "files are uploaded under Certificates")
