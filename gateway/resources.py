"""Where the packaged maps, schemas, partner presets and sample files are found.

Looked up in the working directory first, then in the installed package (``gateway/_data``), then in
the source tree, so an operator overrides a single file by placing it in the working directory.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

__all__ = ["data_roots", "find", "iter_files"]

_PACKAGE = Path(__file__).resolve().parent
_DEMO_IN_SOURCE_TREE = Path("tests/fixtures/demo")


def data_roots(workdir: Path | None = None) -> list[Path]:
    """The folders that may hold ``maps/``, ``schemas/`` and ``partners/``, first match wins."""
    roots = [workdir] if workdir is not None else []
    return [*roots, _PACKAGE / "_data", _PACKAGE.parent]


def find(relative: str, workdir: Path | None = None) -> Path:
    """The first existing file or folder with this relative name.

    Raises FileNotFoundError with every place that was looked at.
    """
    tried = []
    for root in data_roots(workdir):
        candidate = root / relative
        if candidate.exists():
            return candidate
        tried.append(str(candidate))
        if relative.startswith("demo"):
            candidate = root / _DEMO_IN_SOURCE_TREE / Path(relative).relative_to("demo")
            if candidate.exists():
                return candidate
    raise FileNotFoundError(f"{relative} was not found; looked at {', '.join(tried)}. Reinstall the package.")


def iter_files(folder: str, pattern: str, workdir: Path | None = None) -> Iterator[Path]:
    """Every file in ``folder`` that fits ``pattern``; an operator's file hides the packaged one."""
    seen: set[str] = set()
    for root in data_roots(workdir):
        base = root / folder
        if not base.is_dir():
            continue
        for path in sorted(base.glob(pattern)):
            name = str(path.relative_to(base))
            if name not in seen:
                seen.add(name)
                yield path
