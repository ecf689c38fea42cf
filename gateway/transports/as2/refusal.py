"""What can be wrong with an AS2 message, the disposition each fault gets, and what the sender may be told.

A fault raised anywhere in the core is an ``As2Refusal``. Its ``kind`` picks the row of the table below; the
true reason is for our staff only. Whatever goes wrong behind an encryption layer without a verified
authentication tag is answered with ``UNIFORM``: telling a bad padding from a bad signature would let a
stranger decrypt by asking.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["PROCESSED", "UNIFORM", "UNIFORM_TEXT", "As2Refusal", "Kind", "disposition_words"]

#: The disposition of a stored message, RFC 4130 §7.4.3.
PROCESSED = "processed"
#: The one answer for unsigned, unknown signer, expired certificate and undecryptable.
UNIFORM = "processed/error: authentication-failed"
UNIFORM_TEXT = (
    "The message was received but its sender could not be authenticated, so its content was not used. "
    "Check that it is signed and encrypted as agreed, with certificates that both sides hold and that are "
    "valid today, and send it again under a new Message-ID."
)


@dataclass(frozen=True, slots=True)
class _Row:
    #: Disposition type and modifier, RFC 4130 §7.4.3.
    disposition: str
    #: Fault class for staff, ``ReceiveFailure.fault``.
    fault: str
    #: What the sender is told in the human-readable part of the MDN.
    public: str
    #: What our staff can do.
    fix: str


class Kind(Enum):
    """The faults that the core tells apart."""

    #: Signed by somebody who is not the partner, or with a certificate that is not valid now.
    SIGNER = _Row(
        UNIFORM,
        "verify",
        UNIFORM_TEXT,
        "Compare the certificate with the partner; add it to the profile if they changed it, then replay.",
    )
    #: No signature although one is agreed.
    UNSIGNED = _Row(
        UNIFORM,
        "security",
        UNIFORM_TEXT,
        "Ask the partner to sign, or change the profile if unsigned messages are agreed.",
    )
    #: The signed digest is not the digest of the bytes.
    DIGEST = _Row(
        "processed/error: integrity-check-failed",
        "verify",
        "The content does not match its signature: it was changed after signing.",
        "Ask the partner to send it again; if it repeats, a proxy or their software rewrites the content.",
    )
    #: No key of ours opens it, or the decrypted bytes make no sense.
    DECRYPT = _Row(
        UNIFORM,
        "decrypt",
        UNIFORM_TEXT,
        "Check which of our certificates the partner encrypts with and send them the current one.",
    )
    #: Not zlib, cut off, or compressed twice.
    DECOMPRESS = _Row(
        "processed/error: decompression-failed",
        "decompress",
        "The compressed content could not be inflated.",
        "Ask the partner to send it again or without compression.",
    )
    #: Inflates beyond the agreed size or ratio.
    INFLATED = _Row(
        "processed/error: decompression-failed",
        "limit",
        "The content inflates beyond the size that is accepted here.",
        "Raise the size limit in the partner's profile if such a size is expected, then replay.",
    )
    #: An agreed protection is missing or an algorithm is not allowed.
    SECURITY = _Row(
        "processed/error: insufficient-message-security",
        "security",
        "The message is not protected as agreed: encryption is missing or an algorithm is not accepted.",
        "Agree on the algorithms with the partner, or set a dated legacy flag in the profile.",
    )
    #: A structure that no rule of MIME, CMS or AS2 allows.
    MALFORMED = _Row(
        "processed/error: unexpected-processing-error",
        "malformed",
        "The message could not be read: its MIME or CMS structure is broken.",
        "Send the partner's technical contact this reason; their software built a broken message.",
    )
    #: The Message-ID is missing or has spaces or control characters.
    MESSAGE_ID = _Row(
        "processed/error: invalid-message-id",
        "malformed",
        "The Message-ID is missing, too long, or holds spaces or control characters.",
        "Ask the partner to send a legal Message-ID, <left@right> in printable ASCII.",
    )
    #: A file name that cannot be used.
    FILENAME = _Row(
        "processed/error: illegal-filename",
        "malformed",
        "The file name is longer than 255 characters or holds control characters.",
        "Ask the partner to send a plain file name.",
    )
    #: The same Message-ID came before with other bytes.
    CONFLICT = _Row(
        "processed/error: unexpected-processing-error",
        "malformed",
        "This Message-ID was used before for a message with other content. The earlier one stands; "
        "send this one again under a new Message-ID.",
        "Tell the partner that their software reuses Message-IDs; nothing of the earlier message changed.",
    )
    #: The receipt asks for digest algorithms that we do not compute.
    MIC = _Row(
        "failed/Failure: unsupported MIC-algorithms",
        "security",
        "None of the requested signed-receipt-micalg algorithms is supported: use sha-256, sha-384 or sha-512.",
        "Ask the partner to request SHA-256.",
    )
    #: The receipt asks for a signature format that we do not make.
    PROTOCOL = _Row(
        "failed/Failure: unsupported format",
        "security",
        "The requested signed-receipt-protocol is not supported: use pkcs7-signature.",
        "Ask the partner to request pkcs7-signature.",
    )


class As2Refusal(Exception):  # noqa: N818 - a refusal is an answer of the protocol, not a defect
    """A message that is not accepted. ``str()`` is the true reason, for staff and never for the sender."""

    def __init__(self, kind: Kind, reason: str, *, fix: str = "", uniform: bool = False) -> None:
        super().__init__(reason)
        self.kind = kind
        #: Fault class of ``ReceiveFailure``.
        self.fault: str = kind.value.fault
        self.reason = reason
        self.fix = fix or kind.value.fix
        #: True once the answer must not tell what went wrong.
        self.uniform = uniform
        #: What was seen before the fault, for staff: layers, algorithms, certificates.
        self.facts: dict[str, object] = {}

    @property
    def disposition(self) -> str:
        """Disposition type and modifier for the MDN."""
        return UNIFORM if self.uniform else self.kind.value.disposition

    @property
    def public_text(self) -> str:
        """The sentence the sender is told."""
        return UNIFORM_TEXT if self.uniform else self.kind.value.public


#: Modifiers of error dispositions in words, for staff who read a partner's answer.
_WORDS: dict[str, str] = {
    "authentication-failed": "the partner cannot authenticate us: compare the certificate we sign with",
    "integrity-check-failed": "the partner found that the content changed on its way",
    "decryption-failed": "the partner could not decrypt: compare the certificate that we encrypt with",
    "decompression-failed": "the partner could not inflate the content: try without compression",
    "decompresion-failed": "the partner could not inflate the content: try without compression",
    "insufficient-message-security": "the partner demands a signature, cipher or digest that we did not use",
    "signed-message-required": "the partner demands a signature",
    "unexpected-processing-error": "the partner had an error of its own: ask their support",
    "unknown-trading-relationship": "the partner does not know this pair of AS2 names: compare them, case counts",
    "unknown-trading-partner": "the partner does not know our AS2 name: compare both names, case counts",
    "duplicate-document": "the partner has this message already",
    "duplicate-filename": "the partner has a file of this name already",
    "illegal-filename": "the partner cannot use the file name",
    "invalid-message-id": "the partner rejects our Message-ID",
    "unsupported format": "the partner cannot sign the receipt in the requested format",
    "unsupported mic-algorithms": "the partner does not compute the requested MIC algorithm",
    "sender-equals-receiver": "our AS2 name and theirs are the same",
}


def disposition_words(modifier: str) -> str:
    """A disposition modifier in plain words; the modifier itself when it is not a known one."""
    return _WORDS.get(modifier.strip().lower(), f"the partner answered “{modifier.strip()}”")
