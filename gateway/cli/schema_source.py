"""Taking schema files from a folder, a ZIP file or a single file, without trusting any of the three."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from gateway.cli.common import CommandError
from gateway.standards.xml.schema_files import SCHEMA_LIMITS

__all__ = ["MOST_BYTES", "MOST_FILES", "take_schema_files"]

#: Bytes of all schema files of one source together.
MOST_BYTES: Final = 100 * 1024 * 1024
MOST_FILES: Final = 5_000
#: The folder of a UBL release with the schemas without documentation, and the one with it.
_RUNTIME: Final = "xsdrt"
_DOCUMENTED: Final = "xsd"


class _Found(NamedTuple):
    """One schema file of a source: its relative name and its bytes."""

    name: PurePosixPath
    data: bytes


def take_schema_files(source: Path, target: Path) -> int:
    """Copy the .xsd files of a source below `target`, with their folders; gives their number.

    Links are not followed and nothing is written outside `target`. Raises CommandError when the source is not what
    it should be.
    """
    if source.is_dir():
        found = _from_folder(source)
    elif zipfile.is_zipfile(source):
        found = _from_zip(source)
    elif source.is_file():
        if source.suffix != ".xsd":
            raise CommandError(
                f"{source.name} is neither a schema file (.xsd) nor a ZIP file.",
                fix="Name the folder, ZIP file or .xsd file with the schemas.",
            )
        found = iter([_Found(PurePosixPath(source.name), _bounded(source.read_bytes(), source.name))])
    else:
        raise CommandError(f"There is no file or folder {source}.", code=2, fix="Check the name.")
    count = total = 0
    for name, data in found:
        count, total = count + 1, total + len(data)
        if count > MOST_FILES or total > MOST_BYTES:
            raise CommandError(
                f"{source.name} holds more than {MOST_FILES:,} schema files or {MOST_BYTES // 1024 // 1024} MiB.",
                fix="Name the folder with the schemas of one standard only.",
            )
        place = target.joinpath(*name.parts)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    if not count:
        raise CommandError(
            f"{source.name} holds no .xsd file.", fix="Name the folder, ZIP file or file with the schemas."
        )
    return count


def _bounded(data: bytes, name: str) -> bytes:
    if len(data) > SCHEMA_LIMITS.max_bytes:
        size = SCHEMA_LIMITS.max_bytes // 1024 // 1024
        raise CommandError(f"{name} is larger than {size} MiB.", fix="Use the schema files as published.")
    return data


def _from_folder(folder: Path) -> Iterator[_Found]:
    base = folder.resolve()
    names = {
        PurePosixPath(path.relative_to(base).as_posix()): path
        for path in sorted(base.rglob("*.xsd"))
        if path.is_file() and not path.is_symlink() and path.resolve().is_relative_to(base)
    }
    for name in _wanted(list(names)):
        path = names[name]
        if path.stat().st_size > SCHEMA_LIMITS.max_bytes:
            _bounded(bytes(SCHEMA_LIMITS.max_bytes + 1), str(name))
        yield _Found(name, path.read_bytes())


def _from_zip(archive: Path) -> Iterator[_Found]:
    try:
        with zipfile.ZipFile(archive) as opened:
            infos = {
                _safe_name(info, archive.name): info for info in opened.infolist() if info.filename.endswith(".xsd")
            }
            for name in _wanted(sorted(infos)):
                with opened.open(infos[name]) as member:
                    yield _Found(name, _bounded(member.read(SCHEMA_LIMITS.max_bytes + 1), str(name)))
    # zipfile raises the last two for a compression that it does not know and for a file with a password.
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        fix = "Download it again, or unpack it yourself and add the folder."
        raise CommandError(f"{archive.name} cannot be unpacked: {error}.", fix=fix) from error


def _safe_name(info: zipfile.ZipInfo, archive: str) -> PurePosixPath:
    name = PurePosixPath(info.filename)
    is_outside = name.is_absolute() or ".." in name.parts or "\\" in info.filename or ":" in info.filename
    if is_outside or stat.S_ISLNK(info.external_attr >> 16):
        raise CommandError(
            f'{archive} wants to write "{info.filename}" outside its own folder.',
            fix="Do not use this file; download it from its publisher.",
        )
    return name


def _wanted(names: list[PurePosixPath]) -> Iterator[PurePosixPath]:
    """Without the documented twins of a release that has the same schemas for run time too."""
    releases = {name.parts[:index] for name in names for index in _places(name, _RUNTIME)}
    for name in names:
        if not any(name.parts[:index] in releases for index in _places(name, _DOCUMENTED)):
            yield name


def _places(name: PurePosixPath, part: str) -> Iterator[int]:
    """Where a folder of this name stands in a path."""
    return (index for index, each in enumerate(name.parts[:-1]) if each == part)
