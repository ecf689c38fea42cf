"""`gateway inspect` on every XML sample document; GATEWAY_CORPUS names the folder that holds them."""

import csv
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.standards.inspect import inspect_file

_FOLDER = os.environ.get("GATEWAY_CORPUS")
_XML = Path(_FOLDER or "") / "xml"
pytestmark = pytest.mark.skipif(not _FOLDER, reason="GATEWAY_CORPUS is not set: the sample documents are not here")

_NOW = datetime(2026, 3, 2, tzinfo=UTC)
_GOOD = ("accepted", "accepted_with_errors")


def _rows():
    """Path, family, and whether the index calls the sample valid (UBL: the schema 2.1; cXML: its DTD)."""
    index = _XML / "index.tsv"
    if not _FOLDER or not index.is_file():
        return []
    with index.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    return [
        (
            row["path"],
            row["standard"],
            row["xsd 2.1 valid"] == "yes" or row["notable / known fault"].strip().endswith(": valid"),
        )
        for row in rows
    ]


@pytest.mark.parametrize(("path", "family", "valid"), _rows())
def test_a_sample_has_the_verdict_of_its_index_entry(path, family, valid):
    found = inspect_file(path, (_XML / path).read_bytes())
    assert found["format"] == family
    assert (found["verdict"] in _GOOD) == valid


@pytest.mark.parametrize(("path", "_family", "_valid"), _rows())
def test_the_answer_to_a_sample_is_accepted_by_inspect_itself(path, _family, _valid):
    ack = inspect_file(path, (_XML / path).read_bytes(), ack=True, now=_NOW)["ack"]
    is_answer = path.startswith("cxml/Status/") or "/ApplicationResponse/" in path
    assert (ack is None) == is_answer
    if ack is not None:
        answer = inspect_file("ack", ack.encode(), ack=True, now=_NOW)
        assert (answer["verdict"] in _GOOD, answer["ack"]) == (True, None)
