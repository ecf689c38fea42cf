"""Names that are safe anywhere, and files that appear whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.backoffice import files
from gateway.backoffice.files import free_place, safe_name, write_new_file, write_whole_file


@pytest.mark.parametrize("name", ["4500012", "PO-1.2_b", "a", "A" * 60, "_x"])
def test_a_safe_name_stays_as_it_is(name: str) -> None:
    assert safe_name(name) == name


@given(st.text(max_size=400))
def test_no_text_makes_a_name_that_leaves_its_folder_or_hides(text: str) -> None:
    name = safe_name(text)
    assert 0 < len(name) <= 60
    assert name.isascii()
    assert not set(name) & set('/\\\0:*?"<>| \n')
    assert not name.startswith(".")
    assert not name.endswith(".")
    assert safe_name(name) == name


@given(st.text(max_size=80), st.text(max_size=80))
def test_two_texts_never_become_one_name(one: str, other: str) -> None:
    if one != other and one.strip() and other.strip():
        assert safe_name(one) != safe_name(other)


@pytest.mark.parametrize("text", ["../../etc/passwd", "a/b", ".hidden", "..", "日本", "CON:", "a\x00b", "\ud800"])
def test_a_changed_name_carries_a_digest(text: str) -> None:
    assert safe_name(text) != text
    assert safe_name(text)[-8:].isalnum()


def test_an_empty_number_gets_a_word() -> None:
    assert safe_name("  ", empty="unnumbered") == "unnumbered"


def test_a_whole_file_replaces_an_older_one_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    place = tmp_path / "x.json"
    write_whole_file(place, b"one")
    write_whole_file(place, b"two")
    assert place.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["x.json"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "x.json"
    write_whole_file(place, b"one")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole_file(place, b"two")
    assert place.read_bytes() == b"one"
    assert os.listdir(tmp_path) == ["x.json"]


def test_an_unfinished_file_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"half of an earl")
    write_new_file(tmp_path / "x", b"new")
    assert (tmp_path / "x").read_bytes() == b"new"


def test_a_taken_name_gets_a_number(tmp_path: Path) -> None:
    names = [free_place(tmp_path, "a.json").name for _ in range(3)]
    assert names == ["a.json", "a-2.json", "a-3.json"]
    assert [free_place(tmp_path, "plain").name for _ in range(2)] == ["plain", "plain-2"]


def test_the_longest_name_still_has_room_for_a_number_and_its_reason(tmp_path: Path) -> None:
    long = "ü" * 125 + ".json"
    first, second = free_place(tmp_path, long), free_place(tmp_path, long)
    assert first != second
    assert first.suffix == second.suffix == ".json"
    assert len(os.fsencode(f"{second.name}.reason.json")) <= 255
