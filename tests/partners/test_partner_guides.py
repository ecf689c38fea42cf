"""Partner guides: found, read once until they change, and put beside the profile's rules for the sets they name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.partners.guides import FOLDER, GuideUnusableError, guides_available, load_guide, options_by_set
from gateway.partners.profile import PartnerProfile

GUIDE = """
name: Harbor, orders
sets: ["850"]
rules:
- {name: department, segment: REF01=DP, least: 1, text: Every order names its department.}
"""


def write(home: Path, text: str = GUIDE, name: str = "harbor.yaml") -> Path:
    path = home / FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def profile(**settings: object) -> PartnerProfile:
    return PartnerProfile.model_validate({"code": "harbor", "name": "Harbor", **settings})


def test_a_guide_holds_for_its_sets_only(tmp_path: Path) -> None:
    write(tmp_path)
    options = options_by_set(profile(inbound={"guide": "harbor.yaml"}), "in", tmp_path)
    assert options("850").guide is not None
    assert options("810").guide is None


def test_the_guide_of_one_kind_of_document_goes_before_that_of_all(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, "name: other\nrules: []\n", "own/other.yaml")
    settings = {"inbound": {"guide": "harbor.yaml"}, "documents": {"received": {"850": {"guide": "own/other.yaml"}}}}
    found = options_by_set(profile(**settings), "in", tmp_path)("850").guide
    assert found is not None
    assert found.name == "other"
    assert options_by_set(profile(**settings), "out", tmp_path)("850").guide is None


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path)
    assert load_guide("harbor.yaml", tmp_path) is load_guide("harbor.yaml", tmp_path)
    path.write_text("name: new\nrules: []\n")
    os.utime(path, ns=(1, 1))
    assert load_guide("harbor.yaml", tmp_path).guide.name == "new"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no file"),
        ("- a list", "it must be a mapping"),
        ("name: [", "expected"),
        ("name: x\nrule: []", 'unknown field "rule"'),
        ("name: x\nsets: 850", "sets must be a list"),
        ("name: x\nrules: [{name: y, segment: lower}]", "rule 1"),
        ("name: x\nrules: []\n#" + "x" * 1024 * 1024, "larger than 1024 KiB"),
    ],
)
def test_a_guide_that_cannot_be_used_says_why(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        write(tmp_path, text)
    with pytest.raises(GuideUnusableError, match=r"The guide harbor\.yaml cannot be used") as caught:
        load_guide("harbor.yaml", tmp_path)
    assert said in " ".join(caught.value.problems)
    assert "gateway guide check" in caught.value.fix


def test_several_mistakes_are_all_kept(tmp_path: Path) -> None:
    write(tmp_path, "name: x\nsets: 850\nrules: [{name: A}, {name: b, segment: REF, least: x}]")
    with pytest.raises(GuideUnusableError, match=r"and 2 more") as caught:
        load_guide("harbor.yaml", tmp_path)
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize("name", ["../secret.yaml", "/etc/passwd", "guide.txt", "a/../../b.yaml", ""])
def test_a_guide_is_named_below_its_folder_only(name: str) -> None:
    with pytest.raises(ValidationError, match="below schemas/guides"):
        profile(inbound={"guide": name})


def test_the_guides_of_a_working_directory_are_listed(tmp_path: Path) -> None:
    assert list(guides_available(tmp_path)) == []
    write(tmp_path)
    assert [path.name for path in guides_available(tmp_path)] == ["harbor.yaml"]
