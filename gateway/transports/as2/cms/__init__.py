"""CMS as AS2 uses it (RFC 5652, 5083, 3274): detached signatures, key transport envelopes, compression.

Trust is pinned: a certificate found inside a message is never used for anything.
"""

from gateway.transports.as2.cms.algorithms import AlgorithmPolicy
from gateway.transports.as2.cms.certificates import OwnKey, TheirCertificate, fingerprint
from gateway.transports.as2.cms.compressed import compress, decompress
from gateway.transports.as2.cms.enveloped import Decrypted, decrypt, encrypt
from gateway.transports.as2.cms.signed import Verified, sign_detached, verify_detached
from gateway.transports.as2.cms.structure import content_kind

__all__ = [
    "AlgorithmPolicy",
    "Decrypted",
    "OwnKey",
    "TheirCertificate",
    "Verified",
    "compress",
    "content_kind",
    "decompress",
    "decrypt",
    "encrypt",
    "fingerprint",
    "sign_detached",
    "verify_detached",
]
