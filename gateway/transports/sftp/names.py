"""File names and paths of SFTP as values: what a name may be, which names are temporary, where a path leads.

A path never touches a disk: it is split, normalised from the root and looked up in a partner's mailbox. Local files
are named by our own id, never by a name that came from outside.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

__all__ = [
    "MAX_NAME_BYTES",
    "MAX_PATH_BYTES",
    "TEMPORARY_NAMES",
    "NameRefusedError",
    "checked_name",
    "decoded_path",
    "is_temporary",
    "path_parts",
    "safe_name",
    "with_id",
]

#: Bytes of UTF-8 of one name, and of a whole path.
MAX_NAME_BYTES, MAX_PATH_BYTES = 200, 1024
#: Names that partners' programs give to a file while they write it; it waits for its rename.
TEMPORARY_NAMES: tuple[str, ...] = ("*.tmp", "*.part", "*.partial", "*.filepart", "*.writing", "~*", ".*")

#: Cc control, Cf direction and joining marks, Cs surrogates, Co private, Cn unassigned, Zl and Zp line ends.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_UNSAFE = re.compile(r"[^A-Za-z0-9._=+@-]+")


class NameRefusedError(ValueError):
    """A path or name that no mailbox takes; its text says which rule and is safe to send to the partner."""


def decoded_path(path: bytes) -> str:
    """The text of a path as it came. Raises NameRefusedError when it is not UTF-8, too long or holds a NUL."""
    if len(path) > MAX_PATH_BYTES:
        raise NameRefusedError(f"The path is longer than {MAX_PATH_BYTES} bytes.")
    if b"\0" in path:
        raise NameRefusedError("The path holds a NUL.")
    try:
        return path.decode("utf-8")
    except UnicodeDecodeError:
        raise NameRefusedError("The path is not UTF-8.") from None


def path_parts(path: bytes) -> tuple[str, ...]:
    """The names on the way from the root: relative paths start there, ``..`` never leaves it.

    >>> path_parts(b"in/../../out//x.edi")
    ('out', 'x.edi')

    Raises NameRefusedError as ``decoded_path`` does.
    """
    normal = posixpath.normpath("/" + decoded_path(path))
    return tuple(part for part in normal.split("/") if part)


def checked_name(name: str) -> str:
    """``name`` when a file may have it. Raises NameRefusedError with the rule that it breaks."""
    if not name or name in (".", ".."):
        raise NameRefusedError("A file needs a name.")
    if len(name.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
        raise NameRefusedError(f"The name is longer than {MAX_NAME_BYTES} bytes.")
    if "/" in name or "\\" in name:
        raise NameRefusedError("A name holds no slash and no backslash.")
    plain = name.isascii() and name.isprintable()
    if not plain and any(unicodedata.category(character) in _REFUSED_CATEGORIES for character in name):
        raise NameRefusedError("A name holds no control, direction or unassigned characters.")
    if name != name.strip():
        raise NameRefusedError("A name does not start or end with a blank.")
    return name


def is_temporary(name: str, patterns: Iterable[str] = TEMPORARY_NAMES) -> bool:
    """True when a file with this name is still being written by its sender (shell patterns, any case)."""
    return _any_of(tuple(patterns)).match(name.lower()) is not None


@lru_cache(maxsize=256)
def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """What matches when one of these shell patterns does; nothing does without one."""
    return re.compile("|".join(fnmatch.translate(pattern.lower()) for pattern in patterns) or r"(?!)")


def safe_name(name: str, fallback: str = "message") -> str:
    """A name made of letters, digits and ``. _ = + @ -`` only, without a leading dot and at most 120 long."""
    plain = _UNSAFE.sub("_", name).strip("._") or fallback
    return plain if len(plain) <= 120 else plain[:60] + plain[-60:]


def with_id(name: str, identity: str) -> str:
    """``name`` with the last 8 characters of an id before its suffix: the same message, the same name.

    >>> with_id("acme-850.edi", "0199-000000aaaabbbb")
    'acme-850-aaaabbbb.edi'
    """
    stem, suffix = posixpath.splitext(name)
    return f"{stem}-{identity[-8:]}{suffix}"
