"""Descriptions come from the text below a field; validators are built when they are first used."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import gateway.documents
from gateway.documents.base import DocumentModel
from gateway.documents.descriptions import describe_fields


class Crate(DocumentModel):
    """A class with every way to describe a field."""

    plain: str | None = None
    """What it is,
    in two lines."""
    bare: str | None = None

    def told(self) -> str:
        """The text of a method is not that of a field."""
        return str(self.plain)


class Pallet(Crate):
    own: int = 0
    """Its own."""
    bare: str | None = None
    """Said here."""


def classes(of: type[DocumentModel]) -> Iterator[type[DocumentModel]]:
    for each in of.__subclasses__():
        yield each
        yield from classes(each)


def test_the_text_below_a_field_describes_it() -> None:
    def described(model: type[DocumentModel]) -> dict[str, str | None]:
        return {name: field.description for name, field in model.model_fields.items()}

    assert described(Crate) == {"plain": "What it is,\nin two lines.", "bare": None}
    assert described(Pallet) == {"plain": "What it is,\nin two lines.", "bare": "Said here.", "own": "Its own."}


def test_every_field_of_a_document_is_described() -> None:
    ours = [each for each in classes(DocumentModel) if each.__module__.startswith(f"{gateway.documents.__name__}.")]
    assert len(ours) > 60
    missing = [
        f"{each.__name__}.{n}" for each in ours for n, field in each.model_fields.items() if not field.description
    ]
    assert missing == []


def test_a_class_without_source_is_left_as_it_is() -> None:
    made = type("Made", (DocumentModel,), {"__annotations__": {"field": str}, "__module__": "nowhere"})
    describe_fields(made)
    assert made.model_fields["field"].description is None


def test_threads_that_use_a_class_first_at_once_get_its_own_validator() -> None:
    code = (
        "import threading\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from gateway.documents import parse_document, to_jsonable\n"
        "from gateway.partners.profile import PartnerProfile\n"
        "together = threading.Barrier(8)\n"
        "order = {'kind': 'order', 'number': '1', 'lines': [{'line_id': '1', 'quantity': '2'}]}\n"
        "def first(_):\n"
        "    together.wait(10)\n"
        "    found = parse_document(order)\n"
        "    together.wait(10)\n"
        "    profile = PartnerProfile(code='acme', name='Acme')\n"
        "    return (str(to_jsonable(found)), profile.model_dump_json())\n"
        "with ThreadPoolExecutor(8) as threads:\n"
        "    print(len(set(threads.map(first, range(8)))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "1\n"
