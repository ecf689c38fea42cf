"""The other ways of exchange with a partner, its documents one by one, delivery, alerts and retention."""

from __future__ import annotations

import ipaddress
import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from gateway.partners.fields import Group, HttpUrlText, Instant, Many, SecretRef, SetId, UntilInstant, VersionText
from gateway.partners.filenames import DEFAULT_TEMPLATE, file_name_template

__all__ = [
    "Alerts",
    "Delivery",
    "DocumentSettings",
    "Documents",
    "FolderSettings",
    "FollowUp",
    "HostedKey",
    "HostedSftp",
    "HttpDoor",
    "Keep",
    "SftpSettings",
    "Tolerances",
    "XmlDocument",
    "XmlSettings",
]

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:_-]{0,251}[A-Za-z0-9])?")
_HOST_KEY = re.compile(r"SHA256:[A-Za-z0-9+/]{43}=?")
_CERTIFICATE = re.compile(r"(?:[0-9a-f]{2}:?){31}[0-9a-f]{2}", re.IGNORECASE)
_MARKER = re.compile(r"\.[A-Za-z0-9_-]{1,20}")
_MEBIBYTE = 1024 * 1024
_OVERLAY = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._/-]{0,199}\.ya?ml")
_QUIET = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d-(?:[01]\d|2[0-3]):[0-5]\d")


def _host(value: str) -> str:
    if not _HOST.fullmatch(value):
        raise ValueError("must be a host name or address without scheme and port")
    return value


def _host_key(value: str) -> str:
    if not _HOST_KEY.fullmatch(value):
        raise ValueError("must be a fingerprint as ssh-keygen -l prints it: SHA256: and 43 characters")
    return value


def _overlay(value: str) -> str:
    if not _OVERLAY.fullmatch(value):
        raise ValueError("must name a .yaml file below the maps folder, without ..")
    return value


def _quiet(value: str) -> str:
    if not _QUIET.fullmatch(value):
        raise ValueError("must be a span of the day such as 22:00-06:00; quote it in YAML")
    return value


def _fingerprint(value: str) -> str:
    if not _CERTIFICATE.fullmatch(value):
        raise ValueError("must be the SHA-256 fingerprint of a certificate: 64 hexadecimal digits")
    return value.replace(":", "").lower()


def _marker(value: str) -> str:
    if not _MARKER.fullmatch(value):
        raise ValueError("must be an ending such as .done")
    return value


#: An ending such as ".done".
Ending = Annotated[str, AfterValidator(_marker)]
#: A span of the day such as 22:00-06:00.
Span = Annotated[str, AfterValidator(_quiet)]
#: A template of file names; see gateway.partners.filenames.
FileNameTemplate = Annotated[str, AfterValidator(file_name_template)]
#: Bytes of a file that are taken at most.
FileBytes = Annotated[int, Field(ge=1024, le=2**31 - 1)]


def _network(value: str) -> str:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError as error:
        raise ValueError(f'"{value}" is not an address or network such as 192.0.2.7 or 192.0.2.0/24') from error
    return value


#: The name of a folder in a mailbox.
FolderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
#: An older algorithm that our SFTP server may take for one partner for a time.
LegacyAlgorithm = Literal["diffie-hellman-group14-sha1", "aes256-cbc", "aes128-cbc", "hmac-sha1", "ssh-rsa"]


class FolderSettings(Group):
    """Exchange through folders that another program fills and empties."""

    inbound: str | None = Field(default=None, description="Folder that we read the partner's files from.")
    outbound: str | None = Field(default=None, description="Folder that we write files for the partner to.")
    pattern: str = Field(default="*", description="Which files are read (shell pattern).")
    file_name: FileNameTemplate = Field(
        default="{partner}-{control}.edi",
        description="Name of the files we write: {partner}, {set}, {control}, {utc} and {id8} are filled in.",
    )
    ignore: Annotated[tuple[str, ...], Many] = Field(
        default=("*.tmp", "*.part", "*.partial", "*.filepart", "*.writing", "*~", ".*"),
        description="Which files are never read.",
    )
    after_read: Literal["delete", "keep"] = Field(
        default="delete", description="What happens to a file once it is stored here; keep moves it to done/."
    )
    settle_seconds: Annotated[float, Field(ge=0, le=3600)] = Field(
        default=5.0, description="Seconds that a file must be unchanged before it is read."
    )
    poll_seconds: Annotated[float, Field(ge=0.05, le=3600)] = Field(
        default=5.0, description="Seconds between two looks."
    )
    max_file_bytes: FileBytes = Field(default=100 * _MEBIBYTE, description="Largest file that is read.")


class HostedKey(Group):
    """One public key of the partner's account, with the time in which it is taken."""

    key: str = Field(min_length=1, description="Their public key, OpenSSH one-line form.")
    valid_from: Instant | None = Field(default=None, description="First instant; empty = always.")
    valid_until: UntilInstant | None = Field(default=None, description="Last instant; empty = for ever.")
    allow_from: Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], Many] = Field(
        default=(), description="Addresses or networks this key may come from; empty = those of the account."
    )


class HostedSftp(Group):
    """The partner's account on our SFTP server."""

    user: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,31}$")] | None = Field(
        default=None, description="Login name; empty = no account."
    )
    keys: Annotated[tuple[str | HostedKey, ...], Many] = Field(
        default=(), description="Their public keys, OpenSSH one-line form; or key, valid_from and valid_until."
    )
    password: SecretRef | None = Field(
        default=None,
        description="Stored secret with the argon2id hash of their password; empty = keys only.",
    )
    allow_from: Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], Many] = Field(
        default=(), description="Addresses or networks they may come from; empty = any."
    )
    inbox: FolderName = Field(default="in", description="Folder that they put files into.")
    outbox: FolderName = Field(default="out", description="Folder that they collect files from.")
    archive: FolderName = Field(default="archive", description="Folder below the outbox with collected files.")
    inbox_aliases: Annotated[tuple[FolderName, ...], Many] = Field(default=(), description="More names of the inbox.")
    outbox_aliases: Annotated[tuple[FolderName, ...], Many] = Field(default=(), description="More names of the outbox.")
    complete: Literal["close", "rename", "marker", "quiet"] = Field(
        default="close",
        description="When an upload is whole: closed, renamed, announced by a marker file, or quiet for a time.",
    )
    temporary_names: Annotated[tuple[str, ...], Many] = Field(
        default=("*.tmp", "*.part", "*.partial", "*.filepart", "*.writing", "~*", ".*"),
        description="Names of files still being written; they wait for a rename (shell patterns).",
    )
    marker_suffixes: Annotated[tuple[str, ...], Many, Field(min_length=1)] = Field(
        default=(".done", ".ok"), description="Endings of marker files."
    )
    quiet_seconds: Annotated[int, Field(ge=5, le=86_400)] = Field(
        default=60, description="Seconds without a change after which a file is whole (complete: quiet)."
    )
    resend_hours: Annotated[int, Field(ge=0, le=8760)] = Field(
        default=24, description="Same name and content within so many hours is a resend; 0 = always a new message."
    )
    file_name: Annotated[str, AfterValidator(file_name_template)] = Field(
        default=DEFAULT_TEMPLATE,
        description="Name of the files we lay out; {partner}, {set}, {control}, {utc} and {id8} are filled in.",
    )
    after_collect: Literal["archive", "delete", "keep"] = Field(
        default="archive", description="What happens to a file in their outbox once they have read all of it."
    )
    archive_days: Annotated[int, Field(ge=1)] = Field(default=30, description="Days collected files are kept for them.")
    keep_days: Annotated[int, Field(ge=1)] = Field(
        default=90, description="Days after which a file that nobody collected is taken away, with an alert."
    )
    alert_uncollected_hours: Annotated[float, Field(gt=0)] = Field(
        default=24.0, description="Hours after which staff hear of a file that was not collected."
    )
    quota_bytes: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Most bytes kept; empty = no limit."
    )
    quota_files: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Most files in their inbox at a time; empty = no limit."
    )
    max_file_bytes: Annotated[int, Field(ge=1)] = Field(
        default=100 * 1024 * 1024, description="Most bytes of one upload."
    )
    files_per_hour: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Most uploads in an hour; empty = no limit."
    )
    connections: Annotated[int, Field(ge=1, le=100)] = Field(default=10, description="Most connections at a time.")
    handles: Annotated[int, Field(ge=1, le=1024)] = Field(default=64, description="Most open files of one session.")
    legacy_algorithms: Annotated[tuple[LegacyAlgorithm, ...], Many] = Field(
        default=(), description="Older algorithms for connections from allow_from, until legacy_until."
    )
    legacy_until: date | None = Field(default=None, description="Last day of the older algorithms.")

    @model_validator(mode="after")
    def _consistent(self) -> HostedSftp:
        names = [self.inbox, self.outbox, *self.inbox_aliases, *self.outbox_aliases]
        if len(set(names)) != len(names):
            raise ValueError("inbox, outbox and their aliases must all have different names")
        if self.legacy_algorithms and (self.legacy_until is None or not self.allow_from):
            raise ValueError(
                "legacy_algorithms needs legacy_until and allow_from: an exception has an end and holds for "
                "the partner's own addresses only"
            )
        return self


class SftpSettings(Group):
    """Exchange over SFTP on the partner's server, and the partner's account on ours."""

    host: Annotated[str, AfterValidator(_host)] | None = Field(default=None, description="Their server.")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(default=22, description="Its port.")
    host_keys: Annotated[tuple[Annotated[str, AfterValidator(_host_key)], ...], Many] = Field(
        default=(), description="Fingerprints of their server's keys; only these are trusted."
    )
    user: str | None = Field(default=None, description="Our login name there.")
    password: SecretRef | None = Field(default=None, description="Our password, as the name of a stored secret.")
    key: SecretRef | None = Field(default=None, description="Our private key, as the name of a stored secret.")
    algorithms: Literal["modern", "compatible"] = Field(
        default="modern", description="Algorithm set; compatible adds older ones for older servers."
    )
    compatible_until: date | None = Field(
        default=None, description="Last day on which the older algorithms are offered; empty = no end."
    )
    fetch: bool = Field(default=True, description="False = we only put files there and fetch none.")
    inbound: str = Field(default="out", description="Directory on their server that we fetch from.")
    outbound: str = Field(default="in", description="Directory on their server that we put into.")
    archive: str | None = Field(default=None, description="Directory that fetched files are moved to.")
    pattern: str = Field(default="*", description="Which files are fetched (shell pattern).")
    ignore: Annotated[tuple[str, ...], Many] = Field(
        default=("*.tmp", "*.part", ".*"), description="Which files are never fetched."
    )
    file_name: FileNameTemplate = Field(
        default=DEFAULT_TEMPLATE,
        description="Name of the files we write: {partner}, {set}, {control}, {utc} and {id8} are filled in.",
    )
    temporary_suffix: str = Field(
        default=".tmp", description="Suffix of a file while we write it; renamed when complete."
    )
    temporary_prefix: str = Field(
        default="", description="Prefix of a file while we write it; empty with an empty suffix = no renaming."
    )
    temporary_directory: str | None = Field(
        default=None, description="Directory that files are written in before they are renamed; empty = outbound."
    )
    replace_existing: bool = Field(
        default=False, description="True = a file of the same name on their server is replaced."
    )
    outbound_marker: Ending | None = Field(
        default=None, description="Ending of an empty file that we write last, such as .done; empty = none."
    )
    inbound_marker: Ending | None = Field(
        default=None, description="Ending of a file whose presence says that the other one is complete."
    )
    settle_seconds: Annotated[float, Field(ge=0, le=86_400)] = Field(
        default=10.0, description="Seconds that a file must look the same before it is fetched."
    )
    max_file_bytes: FileBytes = Field(default=100 * _MEBIBYTE, description="Largest file that is fetched.")
    after_fetch: Literal["delete", "move", "leave"] = Field(
        default="delete", description="What happens to a file once it is stored here."
    )
    poll_seconds: Annotated[int, Field(ge=10)] = Field(default=300, description="Seconds between two looks.")
    poll_not_during: Annotated[tuple[Span, ...], Many] = Field(
        default=(), description="Spans of the day without looks, in the partner's time zone."
    )
    hosted: HostedSftp = Field(default=HostedSftp(), description="Their account on our server.")


class HttpDoor(Group):
    """Messages that the partner posts to us over plain HTTP."""

    tokens: Annotated[tuple[SecretRef, ...], Many] = Field(
        default=(), description="Secrets that hold the SHA-256 of their tokens; any one of them opens the door."
    )
    client_certificates: Annotated[tuple[Annotated[str, AfterValidator(_fingerprint)], ...], Many] = Field(
        default=(), description="SHA-256 fingerprints of their TLS client certificates."
    )
    require_both: bool = Field(default=False, description="True = a token and a client certificate are demanded.")
    max_body_bytes: FileBytes = Field(default=100 * _MEBIBYTE, description="Largest message that is taken.")


class XmlDocument(Group):
    """One kind of XML document exchanged with the partner."""

    root: str = Field(min_length=1, description="Name of the root element.")
    namespace: str | None = Field(default=None, description="Namespace of the root element.")
    schema_set: str | None = Field(default=None, description="Schema it is checked with, such as ubl-2.1.")
    guide: str | None = Field(default=None, description="Guide or customisation id that the document must carry.")


class XmlSettings(Group):
    """Exchange of XML documents."""

    standard: Literal["ubl-2.1", "cxml-1.2"] | None = Field(default=None, description="The family of documents.")
    documents: Annotated[tuple[XmlDocument, ...], Many] = Field(
        default=(), description="Kinds taken; empty = all known."
    )
    url: HttpUrlText | None = Field(default=None, description="Where documents are posted over plain HTTPS.")
    customization_id: str | None = Field(default=None, description="cbc:CustomizationID that we write.")
    profile_id: str | None = Field(default=None, description="cbc:ProfileID that we write.")
    shared_secret: SecretRef | None = Field(
        default=None, description="cXML SharedSecret, as the name of a stored secret."
    )
    deployment: Literal["test", "production"] | None = Field(
        default=None,
        description="cXML deploymentMode; empty = test while draft or testing, production from live on.",
    )


class Tolerances(Group):
    """How far a document may differ from the order before a person looks."""

    price_percent: Annotated[float, Field(ge=0)] = Field(default=0.0, description="Unit price, in percent.")
    quantity_percent: Annotated[float, Field(ge=0)] = Field(default=0.0, description="Quantity, in percent.")
    total_amount: Annotated[float, Field(ge=0)] = Field(default=0.0, description="Document total, in its currency.")
    date_days: Annotated[int, Field(ge=0)] = Field(default=0, description="Dates, in days.")


class FollowUp(Group):
    """A document that must follow another one in time."""

    set: SetId = Field(description="Transaction set id that must follow.")
    hours: Annotated[float, Field(gt=0)] = Field(description="Hours within which it must follow.")


class DocumentSettings(Group):
    """What holds for one kind of document in one direction."""

    version: VersionText | None = Field(default=None, description="Version (GS08); empty = the envelope's.")
    map_overlay: Annotated[str, AfterValidator(_overlay)] | None = Field(
        default=None, description="File of map overrides for this partner, below the maps folder."
    )
    guide: str | None = Field(default=None, description="The partner's guide: file name under schemas/guides/.")
    auto_post: bool = Field(default=True, description="False = a person approves each one before it goes on.")
    hl_order: Literal["SOPI", "SOIP", "SOI", "SOTPI"] | None = Field(
        default=None,
        description="Order of levels in a ship notice that we write; empty = as the document says.",
    )
    tolerances: Tolerances = Field(default=Tolerances(), description="Allowed differences from the order.")
    follow_up: Annotated[tuple[FollowUp, ...], Many] = Field(default=(), description="Documents that must follow.")


class Documents(Group):
    """Settings for single kinds of document, by transaction set id."""

    received: dict[SetId, DocumentSettings] = Field(default_factory=dict, description="What the partner sends us.")
    sent: dict[SetId, DocumentSettings] = Field(default_factory=dict, description="What we send to the partner.")


class Delivery(Group):
    """How hard we try to deliver."""

    transport: Literal["as2", "sftp", "folder"] | None = Field(
        default=None,
        description="How we send; empty = AS2 when it has a url, else SFTP when it has a host, else folder.",
    )
    retry_seconds: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Many, Field(min_length=1)] = Field(
        default=(60, 300, 900, 3600, 14_400),
        description="Seconds before each further try; the last one repeats until giving up.",
    )
    give_up_hours: Annotated[float, Field(gt=0, le=720)] = Field(
        default=72.0, description="Hours after which a delivery has failed."
    )
    ordered: bool = Field(default=True, description="One at a time, in the order in which they were made.")
    max_per_minute: Annotated[int, Field(ge=1)] | None = Field(default=None, description="Most deliveries in a minute.")


class Alerts(Group):
    """Who is told about problems with this partner."""

    mail: Annotated[tuple[str, ...], Many] = Field(default=(), description="Mail addresses.")
    webhook: HttpUrlText | None = Field(default=None, description="Address that gets a signed notice.")
    quiet_hours: Annotated[str, AfterValidator(_quiet)] | None = Field(
        default=None, description="Span of the day without alerts, in the partner's time zone."
    )
    quiet_after_hours: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Tell staff when nothing came for so many hours; empty = never."
    )


class Keep(Group):
    """How long what was exchanged is kept."""

    payload_days: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Days that payloads of finished messages are kept; empty = for ever."
    )
    legal_hold: bool = Field(default=False, description="True = nothing of this partner is removed.")
