"""`gateway bench xml`: the same orders for all, one row for each comparison, a note where a peer is missing."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from gateway.bench import xml
from gateway.bench.xml_classes import classes_for
from gateway.bench.xml_orders import ORDERS, SMALL_FULL_LINES, SMALL_LINES, full_ubl_order, ubl_order
from gateway.bench.xml_work import read_order, validate_order
from gateway.cli.bench import bench_group
from gateway.documents import Order

pytestmark = pytest.mark.volume

TINY = {"tiny": xml.OrderFile("full", 2, 1, 1)}


def test_the_orders_are_valid_and_of_the_sizes_that_are_spoken_of() -> None:
    small = ubl_order(SMALL_LINES)
    assert 16_000 < len(small) < 18_000
    assert ubl_order(SMALL_LINES) == small
    document = read_order(small)
    assert isinstance(document, Order)
    assert len(document.lines) == SMALL_LINES
    assert 16_000 < len(full_ubl_order(SMALL_FULL_LINES)) < 18_500
    full = read_order(full_ubl_order(2))
    assert isinstance(full, Order)
    assert len(full.lines) == 2
    assert full.extensions == [], "every value has a field"


def test_an_order_that_is_not_valid_is_not_measured() -> None:
    with pytest.raises(RuntimeError, match="rejected"):
        validate_order(ubl_order(1).replace(b"<cbc:ID>BENCH-1</cbc:ID>", b""))


@pytest.mark.parametrize("kind", ORDERS)
def test_the_peers_classes_take_every_value_of_the_order(kind: str) -> None:
    pytest.importorskip("xsdata")
    from xsdata.formats.dataclass.parsers import XmlParser

    order = XmlParser().from_bytes(ORDERS[kind](2), classes_for(ORDERS[kind](1)))
    assert len(order.orderLine_) == 2
    assert str(order.orderLine_[1].lineItem_[0].quantity_[0].value) == "3"


@pytest.mark.slow
def test_each_file_gives_a_row_for_each_comparison() -> None:
    rows = xml.run(files=TINY)
    assert [(row["variant"], row["peer"]) for row in rows] == [
        ("parse+xsd tiny", "xmlschema"),
        ("lxml alone tiny", "xmlschema"),
        ("parse+xsd+map tiny", "xmlschema"),
        ("parse+xsd+map tiny", "xsdata"),
    ]
    assert all(row["ours"] > 0 and row["rss_mib"] > 0 for row in rows)
    assert all(row["peer_value"] is not None or row["note"] for row in rows)


def test_a_missing_peer_leaves_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, "find_spec", lambda _name: None)
    rows = xml.run(files=TINY)
    assert {row["peer_value"] for row in rows} == {None}
    assert all("is not installed" in row["note"] for row in rows)


def test_the_command_prints_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, "run", lambda _tell: [{"benchmark": "xml"}])
    done = CliRunner().invoke(bench_group, ["xml", "--json"])
    assert json.loads(done.stdout) == [{"benchmark": "xml"}]


def test_a_measured_process_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml.sys, "executable", "false")
    with pytest.raises(RuntimeError, match="Measuring the memory failed"):
        xml._memory(TINY["tiny"])
