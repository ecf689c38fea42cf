"""What can go wrong with a partner's SFTP server, each with a sentence for staff."""

from __future__ import annotations

import asyncssh

__all__ = ["ConnectError", "HostKeyMismatchError", "LostError", "in_words"]


class ConnectError(Exception):
    """No session could be opened; the text says at which step, why and what to do."""

    #: True when the server refused our login: trying again and again would lock the account.
    login_refused = False

    def __init__(self, sentence: str, *, step: str = "tcp", login_refused: bool = False) -> None:
        super().__init__(sentence)
        #: "dns", "tcp", "algorithms", "host key", "login" or "sftp".
        self.step = step
        self.login_refused = login_refused


class HostKeyMismatchError(ConnectError):
    """The server showed a key that the profile does not name: perhaps another server stands in its place."""

    def __init__(self, sentence: str, fingerprint: str) -> None:
        super().__init__(sentence, step="host key")
        #: Of the key that was shown, as ``ssh-keygen -l`` prints it.
        self.fingerprint = fingerprint


class LostError(Exception):
    """The connection ended in the middle of the work."""


#: What an answer of the server means; the first class that fits.
_WORDS: tuple[tuple[type[asyncssh.SFTPError], str], ...] = (
    (asyncssh.SFTPNoSuchFile, "the server says that there is no such file or directory"),
    (asyncssh.SFTPNoSuchPath, "the server says that there is no such file or directory"),
    (asyncssh.SFTPPermissionDenied, "the server does not permit it"),
    (asyncssh.SFTPWriteProtect, "the place is write-protected"),
    (asyncssh.SFTPNoSpaceOnFilesystem, "the server's disk is full"),
    (asyncssh.SFTPQuotaExceeded, "our quota there is used up"),
    (asyncssh.SFTPFileAlreadyExists, "a file of this name is there already"),
    (asyncssh.SFTPOpUnsupported, "the server does not know this operation"),
    (asyncssh.SFTPConnectionLost, "the connection was lost"),
    (asyncssh.SFTPNoConnection, "the connection was lost"),
)


def in_words(error: Exception) -> str:
    """An error of an SFTP operation as the end of a sentence."""
    if isinstance(error, TimeoutError):
        return "the server did not answer in time"
    for kind, words in _WORDS:
        if isinstance(error, kind):
            return words
    text = " ".join(str(getattr(error, "reason", "") or error).split())[:200]
    said = "".join(c if c.isprintable() else "?" for c in text)
    return f"the server says: {said}" if said else "the server gives no reason"
