"""The header of a cXML document: who sends it to whom, and whether the shared secret is the agreed one.

A cXML header names three parties by credentials, an identity in a domain each: From and To are the trading partners,
Sender is who opened the connection and proves it, usually with a shared secret in clear text. So the secret is
compared here, in constant time, and goes no further: what this module reads never holds it, and `mask_secrets` takes
it out of what is shown or kept.
"""

from __future__ import annotations

import copy
import hashlib
import hmac
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from lxml import etree

from gateway.standards.xml.parsing import local_name

__all__ = [
    "DEFAULT_VERSION",
    "MASK",
    "Credential",
    "CxmlHeader",
    "EnvelopeFacts",
    "SecretVerdict",
    "document_type",
    "mask_secrets",
    "read_envelope_header",
    "read_header",
    "same_party",
    "timestamp_text",
    "verify_secret",
    "write_cxml",
    "write_header",
]

#: What stands in the place of a secret.
MASK: Final = "********"
#: The version that is written when the partner has named none.
DEFAULT_VERSION: Final = "1.2.063"

_LANGUAGE: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_SPACE: Final = " \t\r\n"
#: Elements whose content proves an identity.
_PROOFS: Final = {
    "SharedSecret": "shared_secret",
    "CredentialMac": "credential_mac",
    "DigitalSignature": "digital_signature",
}
#: The document type definition that a document names in its DOCTYPE; all others name "cXML".
_DTD: Final = {
    "ConfirmationRequest": "Fulfill",
    "ShipNoticeRequest": "Fulfill",
    "InvoiceDetailRequest": "InvoiceDetail",
}


@dataclass(frozen=True, slots=True)
class Credential:
    """One identity of a party (cXML: Credential), without its proof."""

    #: Whose numbering it is: "NetworkID", "DUNS" …; upper and lower case mean the same.
    domain: str
    #: The identity, verbatim.
    identity: str
    #: "marketplace", or "" for a company.
    kind: str = ""
    #: How it was proved: "shared_secret", "credential_mac", "digital_signature", or "" when it was not.
    proof: str = ""


@dataclass(frozen=True, slots=True)
class CxmlHeader:
    """The parties of a cXML document (cXML: Header). Each party may have several credentials."""

    #: Who the document is from (cXML: From).
    sender: tuple[Credential, ...]
    #: Who it is for (cXML: To).
    receiver: tuple[Credential, ...]
    #: Who opened the connection (cXML: Sender); the same as `sender` unless a network stands between.
    transmitter: tuple[Credential, ...] = ()
    #: Program that made the document (cXML: UserAgent).
    user_agent: str = ""


class SecretVerdict(Enum):
    """What became of the comparison of a shared secret."""

    #: The document carries the agreed secret.
    RIGHT = "right"
    #: It carries another one.
    WRONG = "wrong"
    #: It carries none.
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class EnvelopeFacts:
    """What the envelope of a cXML document says beside its parties; clock and chance are the caller's."""

    #: Unique for every document ever sent (cXML: payloadID).
    payload_id: str
    #: When the document was made; must know its zone.
    timestamp: datetime
    #: Version of cXML, also named by the DOCTYPE.
    version: str = DEFAULT_VERSION
    #: Whether the document is a test (deploymentMode).
    test: bool = False
    #: Default language of its texts; "" to leave it out.
    language: str = "en-US"


def read_header(header: etree._Element) -> CxmlHeader:
    """Read a `Header` element; the secrets are left out. What is missing is empty."""
    sender = header.find("Sender")
    return CxmlHeader(
        sender=_credentials(header.find("From")),
        receiver=_credentials(header.find("To")),
        transmitter=_credentials(sender),
        user_agent=_text(sender.find("UserAgent")) if sender is not None else "",
    )


def read_envelope_header(root: etree._Element) -> CxmlHeader | None:
    """The header of a whole `cXML` element; None for a response, which has none."""
    header = root.find("Header")
    return read_header(header) if header is not None else None


def _credentials(party: etree._Element | None) -> tuple[Credential, ...]:
    if party is None:
        return ()
    return tuple(
        Credential(
            domain=(each.get("domain") or "").strip(_SPACE),
            identity=_text(each.find("Identity")),
            kind=each.get("type") or "",
            proof=next((word for name, word in _PROOFS.items() if each.find(name) is not None), ""),
        )
        for each in party.findall("Credential")
    )


def _text(element: etree._Element | None) -> str:
    return (element.text or "").strip(_SPACE) if element is not None else ""


def same_party(one: Iterable[Credential], other: Iterable[Credential]) -> bool:
    """Whether two parties share an identity; domains are compared without regard to upper and lower case."""
    known = {_key(credential) for credential in one}
    return any(_key(credential) in known for credential in other)


def _key(credential: Credential) -> tuple[str, str]:
    return credential.domain.casefold(), credential.identity


def verify_secret(
    header: etree._Element, secrets: Collection[str], *, sender: Credential | None = None
) -> SecretVerdict:
    """Compare the shared secret of a `Header` with the agreed ones (several while one is being replaced).

    The time taken says nothing about the secret: every secret of the header is compared with every agreed one, by
    digests of equal length. With `sender`, only the secret of that credential counts. An empty secret is none.
    """
    given = [secret for each in header.findall("Sender/Credential") if (secret := _secret(each, sender))]
    if not given:
        return SecretVerdict.MISSING
    agreed = [_digest(secret) for secret in secrets if secret]
    right = False
    for secret in given:
        for expected in agreed:
            right |= hmac.compare_digest(_digest(secret), expected)
    return SecretVerdict.RIGHT if right else SecretVerdict.WRONG


def _secret(credential: etree._Element, sender: Credential | None) -> str:
    if sender is not None:
        party = Credential(credential.get("domain") or "", _text(credential.find("Identity")))
        if not same_party([party], [sender]):
            return ""
    return _text(credential.find("SharedSecret"))


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def mask_secrets(element: etree._Element) -> etree._Element:
    """A copy of the element in which every proof of an identity is masked; the element itself stays as it is."""
    masked = copy.deepcopy(element)
    for name in _PROOFS:
        for proof in masked.iter(name):
            for child in list(proof):
                proof.remove(child)
            proof.text = MASK
    return masked


def write_header(header: CxmlHeader, *, secret: str | None = None) -> etree._Element:
    """Make a `Header` element; `secret` becomes the shared secret of the first credential of the transmitter.

    Without a transmitter the sender transmits itself. Raises ValueError when a party has no credential, which cXML
    requires.
    """
    parties = {"From": header.sender, "To": header.receiver, "Sender": header.transmitter or header.sender}
    element = etree.Element("Header")
    for name, credentials in parties.items():
        if not credentials:
            raise ValueError(
                f"The cXML header has no credential for {name}. Give the party an identity in its profile."
            )
        party = etree.SubElement(element, name)
        for position, credential in enumerate(credentials):
            written = etree.SubElement(party, "Credential", domain=credential.domain)
            if credential.kind:
                written.set("type", credential.kind)
            etree.SubElement(written, "Identity").text = credential.identity
            if name == "Sender" and secret and not position:
                etree.SubElement(written, "SharedSecret").text = secret
    etree.SubElement(element[-1], "UserAgent").text = header.user_agent
    return element


def write_cxml(
    body: etree._Element, facts: EnvelopeFacts, *, header: CxmlHeader | None = None, secret: str | None = None
) -> etree._Element:
    """The whole `cXML` element around a request (OrderRequest …) or around a `Response`, which takes no header.

    Raises ValueError when a request has no header, when a party has no credential, or when the time has no zone.
    """
    root = etree.Element("cXML", payloadID=facts.payload_id, timestamp=timestamp_text(facts.timestamp))
    root.set("version", facts.version)
    if facts.language:
        root.set(_LANGUAGE, facts.language)
    if body.tag == "Response":
        root.append(body)
        return root
    if header is None:
        raise ValueError(f"A cXML {local_name(body)} needs a header that says who sends it to whom.")
    root.append(write_header(header, secret=secret))
    request = etree.SubElement(root, "Request", deploymentMode="test" if facts.test else "production")
    request.append(body)
    return root


def timestamp_text(moment: datetime) -> str:
    """A moment as cXML writes it, to the second and with its zone. Raises ValueError when it has no zone."""
    if moment.utcoffset() is None:
        raise ValueError("A cXML timestamp must know its zone; this one has none.")
    return moment.replace(microsecond=0).isoformat()


def document_type(body: str, version: str = DEFAULT_VERSION) -> str:
    """The DOCTYPE that a document with this request element ("OrderRequest") is given, as receivers expect it."""
    return f'<!DOCTYPE cXML SYSTEM "http://xml.cxml.org/schemas/cXML/{version}/{_DTD.get(body, "cXML")}.dtd">'
