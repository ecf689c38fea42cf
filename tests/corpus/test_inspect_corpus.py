"""`gateway inspect` on every X12 sample document; GATEWAY_CORPUS names the folder that holds them."""

import csv
import os
from datetime import datetime
from pathlib import Path

import pytest

from gateway.standards.x12.envelope import read_transmission
from gateway.standards.x12.inspect import inspect_bytes

_FOLDER = os.environ.get("GATEWAY_CORPUS")
_X12 = Path(_FOLDER or "") / "x12"
pytestmark = pytest.mark.skipif(not _FOLDER, reason="GATEWAY_CORPUS is not set: the sample documents are not here")

_NOW = datetime(2026, 3, 2)
_VERDICTS = {"accepted", "accepted_with_errors", "partially_accepted", "rejected", "unreadable"}
#: Samples called valid that break the order of segments: file → the finding that must name it.
_OUT_OF_ORDER = {"850/chapdad031167+EDI-Map-Check__examples_source_850_baseline.edi": ("AK304-7", "SAC", 9)}


def _rows():
    index = _X12 / "index.tsv"
    if not _FOLDER or not index.is_file():
        return []
    with index.open(encoding="utf-8", newline="") as lines:
        return [(row["path"], row["notable / known fault"]) for row in csv.DictReader(lines, delimiter="\t")]


def _inspect(path):
    return inspect_bytes(path, (_X12 / path).read_bytes(), ack=True, now=_NOW)


def _findings(found):
    for interchange in found["interchanges"]:
        yield from interchange["findings"]
        for group in interchange["groups"]:
            yield from group["findings"]
            for each in group["sets"]:
                yield from each["findings"]


@pytest.mark.parametrize(("path", "known"), _rows())
def test_a_sample_has_the_verdict_that_its_index_entry_asks_for(path, known):
    found = _inspect(path)
    assert found["verdict"] in _VERDICTS
    if "FAULT" in known or "KNOWN INVALID" in known:
        assert found["verdict"] != "accepted"
        assert any(each["severity"] != "note" for each in _findings(found))
    elif path in _OUT_OF_ORDER:
        named = [(each["code"], each["segment"], each["position"]) for each in _findings(found)]
        assert _OUT_OF_ORDER[path] in named
    elif known.startswith("valid"):
        assert found["verdict"] == "accepted"


@pytest.mark.parametrize(("path", "_known"), _rows())
def test_the_answer_to_a_sample_is_accepted_by_inspect_itself(path, _known):
    ack = _inspect(path)["ack"]
    is_answer = path.split("/")[0] in ("997", "999", "TA1")
    assert (ack is None) == is_answer
    if ack is not None:
        answer = inspect_bytes("ack", ack.encode("latin-1"), ack=True, now=_NOW)
        assert answer["verdict"] == "accepted"
        assert answer["ack"] is None


@pytest.mark.parametrize("folder", ["edifact", "xml"])
def test_samples_of_other_standards_are_named_and_not_read(folder):
    for path in (Path(_FOLDER) / folder).rglob("*"):
        if (path.is_file() and path.suffix not in (".tsv", ".txt")) or path.name.startswith("smooks"):
            read = read_transmission(path.read_bytes())
            expected = {"edifact"} if folder == "edifact" else {"ubl", "cxml"}
            assert read.format in expected, path
            assert "X12 only" in read.unreadable
