"""The X12 benchmark: its file is valid, its rows have the public form, its peer reads the same file."""

import io
import random
from importlib.util import find_spec

import pytest

from gateway.bench import x12
from gateway.bench.generate import purchase_order_file, purchase_order_sets
from gateway.bench.pyx12_maps import write_map_folder
from gateway.bench.x12_work import main
from gateway.standards.edi.model import Separators
from gateway.standards.edi.validator import validator

needs_pyx12 = pytest.mark.skipif(find_spec("pyx12") is None, reason="pyx12 is not installed (test extra)")
ROW = {"benchmark", "variant", "work", "ours", "unit", "peer", "peer_value", "ratio", "rss_mib"}
#: A bad code, a bad date, a wrong count, a value too long, and a pair of which one is missing.
PLANTED = (
    ("BEG*00*", "BEG*QQ*"),
    ("*20240510~", "*20240231~"),
    ("PER*BD*J SMITH", "PER*BD*" + "J" * 61),
    ("PO1*1*", "PO1*1**"),
)


def test_the_file_has_the_size_asked_for_and_is_the_same_each_time():
    data = purchase_order_file(3000)
    assert 3000 <= data.count(b"~") < 3100
    assert data == purchase_order_file(3000)
    assert data != purchase_order_file(3000, seed=2)


def test_every_set_of_the_file_is_good():
    check = validator("004010", "850", Separators("*", ">", "~"))
    dice = random.Random(5)
    for number in range(20):
        segments = [segment.encode() for segment in purchase_order_sets(dice, number, 1)]
        assert check.explain(segments) == []


def test_without_the_peer_the_rows_say_so(monkeypatch):
    monkeypatch.setattr(x12, "find_spec", lambda _name: None)
    told = []
    rows = x12.run(600, tell=told.append)
    assert [row["variant"] for row in rows] == ["validate+997", "validate+997 fresh", "validate"]
    assert set(rows[0]) >= ROW
    assert rows[0]["peer_value"] is None
    assert "not installed" in rows[0]["note"]
    assert rows[0]["ours"] > 0
    assert rows[0]["rss_mib"] < 300
    assert told


@pytest.mark.slow
@needs_pyx12
def test_with_the_peer_the_ratio_is_ours_over_theirs(monkeypatch):
    monkeypatch.setattr(x12, "QUICK_SEGMENTS", 600)
    row = x12.run(quick=True)[0]
    assert row["ratio"] == pytest.approx(row["ours"] / row["peer_value"], rel=0.02)


def test_a_bad_file_stops_the_measurement(tmp_path, capsys):
    bad = tmp_path / "bad.x12"
    bad.write_bytes(purchase_order_file(200).replace(b"BEG*00", b"BEG*QQ"))
    assert main(["ours", str(bad)]) == 1
    assert "bad" in capsys.readouterr().err
    with pytest.raises(RuntimeError, match="calls the file bad"):
        x12._measure("verdict", bad)


def test_the_work_prints_its_figures(tmp_path, capsys):
    good = tmp_path / "good.x12"
    good.write_bytes(purchase_order_file(200))
    assert main(["verdict", str(good)]) == 0
    assert '"segments"' in capsys.readouterr().out


def test_without_pyx12_no_map_folder_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.bench.pyx12_maps.find_spec", lambda _name: None)
    with pytest.raises(ModuleNotFoundError, match="pyx12"):
        write_map_folder(tmp_path / "maps")


@needs_pyx12
def test_the_peer_calls_the_same_file_good(tmp_path, capsys):
    good = tmp_path / "good.x12"
    good.write_bytes(purchase_order_file(300))
    write_map_folder(tmp_path / "maps")
    assert main(["pyx12", str(good), str(tmp_path / "maps")]) == 0
    assert '"seconds"' in capsys.readouterr().out


def element_errors(acknowledgement):
    """(segment, element number) of every AK4 of a 997."""
    found, segment = set(), ""
    for part in acknowledgement.replace("\n", "").split("~"):
        fields = part.split("*")
        if fields[0] == "AK3":
            segment = fields[1]
        elif fields[0] == "AK4":
            found.add((segment, int(fields[1].split(":")[0])))
    return found


@needs_pyx12
@pytest.mark.parametrize(("old", "new"), PLANTED, ids=[old for old, _ in PLANTED])
def test_the_peer_blames_the_same_elements(tmp_path, old, new):
    import pyx12.params
    import pyx12.x12n_document

    text = purchase_order_file(60).decode().replace(old, new, 1)
    source = tmp_path / "bad.x12"
    source.write_text(text)
    write_map_folder(tmp_path / "maps")
    parameters = pyx12.params.ParamsBase()
    parameters.set("charset", "E")
    answer = io.StringIO()
    pyx12.x12n_document.x12n_document(parameters, str(source), answer, None, None, map_path=str(tmp_path / "maps"))
    segments = [segment.encode() for segment in text.split("~")[2:]]
    end = next(at for at, segment in enumerate(segments) if segment.startswith(b"SE*"))
    findings = validator("004010", "850", Separators("*", ">", "~")).explain(segments[: end + 1])
    ours = {(finding.segment, finding.element) for finding in findings if finding.code.startswith("AK403")}
    theirs = element_errors(answer.getvalue())
    assert "AK9*R" in answer.getvalue()
    assert ours
    assert theirs <= ours, (theirs, ours)
