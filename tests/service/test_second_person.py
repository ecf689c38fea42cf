"""The setting of the second person, and doors that learn of a profile that a fix changed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.messages.corrections import SecondPerson
from gateway.service import OPERATIONS, open_context
from gateway.settings import SettingsError, company_named, load_settings
from gateway.workdir import make_working_directory


@pytest.fixture
def home(tmp_path: Path) -> Path:
    make_working_directory(tmp_path, company_named("Alpine Supply"), now=datetime.now(UTC), listen="127.0.0.1:0")
    return tmp_path


def test_the_pipeline_asks_for_a_second_person_as_the_settings_say(home: Path) -> None:
    settings = home / "gateway.toml"
    settings.write_text(settings.read_text("utf-8").replace("[staff]", '[staff]\nsecond_person = "amounts"'), "utf-8")
    context = open_context(home)
    try:
        assert context.pipeline.second_person is SecondPerson.AMOUNTS
        assert context.pipeline.profiles_changed == context.relationships.refresh
        assert OPERATIONS["correction.list"](context, {}) == {"corrections": []}
    finally:
        context.close()


def test_a_word_that_is_none_of_the_three_is_refused_with_them(home: Path) -> None:
    with pytest.raises(SettingsError, match="never"):
        load_settings(home, {"GATEWAY_STAFF_SECOND_PERSON": "sometimes"})
    assert load_settings(home, {"GATEWAY_STAFF_SECOND_PERSON": "always"}).staff.second_person == "always"
