"""The collector of garbage waits while modules are loaded, and works as before when they are."""

from __future__ import annotations

import gc
import sys
import types

import pytest

from gateway.loading import loading


def test_it_rests_while_modules_are_loaded_only() -> None:
    with loading():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_works_again_after_a_module_that_cannot_be_loaded() -> None:
    with pytest.raises(ImportError), loading():
        raise ImportError("no such module")
    assert gc.isenabled()


def test_only_what_modules_made_is_left_out_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen: list[bool] = []
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append(True))
    with loading():
        pass
    assert not frozen
    with loading():
        monkeypatch.setitem(sys.modules, "a_module_of_this_test", types.ModuleType("a_module_of_this_test"))
    assert frozen


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with loading():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
