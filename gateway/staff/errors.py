"""What can go wrong with accounts, each a sentence for the person at the keyboard."""

from __future__ import annotations

__all__ = ["AccountError", "LoginRefusedError", "TooManyTriesError"]


class AccountError(Exception):
    """An account, password, code or token that cannot be so; ``fix`` says what to do, ``field`` where it was typed."""

    def __init__(self, message: str, fix: str = "", *, field: str = "") -> None:
        super().__init__(message)
        self.fix = fix
        self.field = field


class LoginRefusedError(AccountError):
    """A login that failed; the text is the same whatever was wrong."""

    def __init__(self) -> None:
        super().__init__("Name, password or code is not right.", "Try again, or ask for a reset.")


class TooManyTriesError(AccountError):
    """Too many failed logins for this account from this address; ``wait`` is in seconds."""

    def __init__(self, wait: int) -> None:
        self.wait = wait
        minutes = max(1, -(-wait // 60))
        super().__init__(
            f"Too many tries. Wait {minutes} minute{'s' if minutes != 1 else ''}, then try again.",
            "Somebody with the security role can set a new password.",
        )
