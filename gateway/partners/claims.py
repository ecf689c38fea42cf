"""What only one partner can have: names and places by which a message could not be told apart if two had them.

A profile claims its interchange identities and AS2 name, its user on our SFTP server, the secrets of its HTTP tokens,
the folder that its files are read from, and the directory of another server that we fetch from. A retired partner
claims nothing. TLS client certificates are no claim: one certificate of a service provider may open the door of
several partners, because each of them is posted to under its own address.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from gateway.partners.errors import Problem
from gateway.partners.profile import PartnerProfile, Status, profile_from_json
from gateway.partners.xmlids import xml_claims
from gateway.partners.yamltext import Path, dotted

__all__ = ["Claim", "Clash", "FindLine", "claims", "find_clashes", "located"]

#: Test and live interchange identities are one kind: the usage indicator is the sender's to set.
Kind = Literal["isa", "as2", "xml", "sftp-user", "http-token", "folder", "sftp-source"]


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that a profile wants for its partner alone."""

    kind: Kind
    #: Compared as it is, within its kind.
    value: str
    #: What it is, for people: 'SFTP user name "acme"'.
    words: str
    #: The field that says so.
    path: Path
    #: A part of every stored profile (as JSON text) that claims the same.
    clue: str
    #: True = other partners may have it too, but nobody may have it alone: a folder that we write to.
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Clash:
    """Something that two partners claim, or that one partner uses for two ends."""

    claim: Claim
    #: The partner whose profile is refused.
    code: str
    #: The partner that has it.
    owner: str
    #: The field of the owner's profile when that profile is applied together with the refused one.
    owner_path: Path | None = None

    @property
    def sentence(self) -> str:
        """The clash for people."""
        if self.code == self.owner:
            return (
                f"Partner {self.code} reads and writes the same {self.claim.words}: it would take in what we lay out."
            )
        return f"The {self.claim.words} of partner {self.code} belongs to partner {self.owner} already."


#: Gives (file, line) of a field of a partner's profile, None when the profile came from no file.
FindLine = Callable[[str, Path], tuple[str, int] | None]


def located(clash: Clash, find_line: FindLine) -> str:
    """The clash with the file and line of either side, as far as they are known."""
    sentence, path = clash.sentence, clash.claim.path
    there = None if clash.owner_path is None else find_line(clash.owner, clash.owner_path)
    if there is not None and clash.code != clash.owner:
        sentence = f"{sentence.removesuffix('.')} ({there[0]}:{there[1]})."
    here = find_line(clash.code, path)
    return sentence if here is None else str(Problem(*here, dotted(path), sentence))


@dataclass(slots=True)
class _Owner:
    code: str
    shared: bool
    path: Path | None


def claims(profile: PartnerProfile) -> list[Claim]:
    """Everything that the profile claims for its partner; nothing once it is retired."""
    return [] if profile.status is Status.RETIRED else list(_claims(profile))


def _claims(profile: PartnerProfile) -> Iterator[Claim]:
    for index, address in enumerate(profile.ids.isa):
        yield _claim("isa", address.key, f"interchange identity {address.key}", ("ids", "isa", index, "id"), address.id)
    if profile.ids.as2 is not None:
        yield _claim("as2", profile.ids.as2, f"AS2 name {profile.ids.as2}", ("ids", "as2"))
    for key, path, text in xml_claims(profile.ids):
        yield _claim("xml", key, f"identifier {text}", ("ids", *path), text.rpartition(":")[2])
    user = profile.sftp.hosted.user
    if user is not None:
        yield _claim("sftp-user", user, f'SFTP user name "{user}"', ("sftp", "hosted", "user"))
    for index, token in enumerate(profile.http.tokens):
        yield _claim("http-token", token.secret, f'HTTP token "{token.secret}"', ("http", "tokens", index, "secret"))
    yield from _folder_claims(profile)
    yield from _source_claims(profile)


def _folder_claims(profile: PartnerProfile) -> Iterator[Claim]:
    """The folder that is read is the partner's alone; partners may share one that is only written."""
    for name, shared in (("inbound", False), ("outbound", True)):
        folder = getattr(profile.folder, name)
        if folder is not None:
            place = posixpath.normpath(folder)
            yield _claim(
                "folder", place, f'folder "{place}"', ("folder", name), posixpath.basename(place), shared=shared
            )


def _source_claims(profile: PartnerProfile) -> Iterator[Claim]:
    """Two partners may share a directory of another server as long as they take different files of it."""
    sftp = profile.sftp
    if sftp.host is None or not sftp.fetch:
        return
    host, directory = sftp.host.lower(), posixpath.normpath(sftp.inbound or ".")
    place = f"{sftp.user or ''}@{host}:{sftp.port}"
    words = f'directory "{directory}" (pattern {sftp.pattern}) of {place}'
    yield _claim("sftp-source", f"{place} {directory} {sftp.pattern}", words, ("sftp", "inbound"), sftp.user or "")


def _claim(kind: Kind, value: str, words: str, path: Path, clue: str | None = None, *, shared: bool = False) -> Claim:
    text = json.dumps(value if clue is None else clue, ensure_ascii=False)
    return Claim(kind, value, words, path, text[1:-1], shared)


def find_clashes(profiles: Sequence[PartnerProfile], stored: Iterable[tuple[str, str]]) -> list[Clash]:
    """Every claim that two partners would have once ``profiles`` are applied.

    ``stored`` holds (code, profile as JSON) of the partners that stay as they are; two of them that clash with each
    other already are not told.
    """
    wanted = [(profile.code, claim) for profile in profiles for claim in claims(profile)]
    keys = {(claim.kind, claim.value) for _, claim in wanted}
    clues = {claim.clue for _, claim in wanted}
    owners: dict[tuple[str, str], _Owner] = {}
    for code, text in stored:
        if any(clue in text for clue in clues):
            for claim in claims(profile_from_json(text)):
                if (claim.kind, claim.value) in keys:
                    _take(owners, code, claim, None)
    found = (_take(owners, code, claim, claim.path) for code, claim in wanted)
    return [clash for clash in found if clash is not None]


def _take(owners: dict[tuple[str, str], _Owner], code: str, claim: Claim, path: Path | None) -> Clash | None:
    """Give the claimed thing to a partner, or say why it cannot have it."""
    owner = owners.setdefault((claim.kind, claim.value), _Owner(code, claim.shared, path))
    if owner.code == code and owner.shared == claim.shared:
        return None
    if owner.shared and claim.shared:
        return None
    return Clash(claim, code, owner.code, owner.path)
