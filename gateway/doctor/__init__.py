"""The doctor: checks a working directory from the Python it runs on to the cases that wait for a person.

Each check is a function that yields results; it never changes anything. A check that cannot be done says so
as a failure, and the checks that depend on it are left out. It reads beside a running service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.control import describe, is_running
from gateway.doctor.machine import check_machine
from gateway.doctor.places import check_listener, check_places, check_tls
from gateway.doctor.result import Patient, Result, fail, ok
from gateway.doctor.stored import check_alerts, check_database, check_keys, check_partners, check_traffic
from gateway.settings import SettingsError, load_settings
from gateway.store.engine import open_store

__all__ = ["Diagnosis", "Result", "examine"]

Check = Callable[[Patient], Iterable[Result]]

_BEFORE_THE_STORE: Mapping[str, Check] = {
    "places": check_places,
    "as2 port": check_listener,
    "tls": check_tls,
}
_IN_THE_STORE: Mapping[str, Check] = {
    "database": check_database,
    "keys": check_keys,
    "partners": check_partners,
    "traffic": check_traffic,
    "alerts": check_alerts,
}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Every result, in the order of the checks."""

    results: tuple[Result, ...]

    @property
    def healthy(self) -> bool:
        """True when nothing failed; warnings do not count."""
        return all(result.status != "fail" for result in self.results)

    def count(self, status: str) -> int:
        """How many results have this status."""
        return sum(result.status == status for result in self.results)


def examine(home: Path, now: datetime) -> Diagnosis:
    """Check a working directory at the instant ``now``. Never raises for what it finds."""
    return Diagnosis(tuple(_all_results(home, now)))


def _all_results(home: Path, now: datetime) -> Iterator[Result]:
    yield from check_machine()
    try:
        settings = load_settings(home)
    except SettingsError as error:
        yield from (fail("settings", problem) for problem in error.problems)
        return
    yield ok("settings", f"{settings.paths.settings} is in order ({settings.company.name}).")
    patient = Patient(settings, now, is_running(home))
    yield from _guarded(patient, _BEFORE_THE_STORE)
    with ExitStack() as stack:
        try:
            store = stack.enter_context(open_store(settings.database_url, blobs=settings.paths.blobs, write=False))
        except Exception as error:  # noqa: BLE001  whatever keeps the store shut is what the doctor reports
            yield _failure("database", error)
            return
        patient = Patient(settings, now, patient.running, store)
        yield from _guarded(patient, _IN_THE_STORE)


def _guarded(patient: Patient, checks: Mapping[str, Check]) -> Iterator[Result]:
    for name, check in checks.items():
        try:
            results: Iterable[Result] = list(check(patient))
        except Exception as error:  # noqa: BLE001  a check that cannot be done is a result of its own
            results = [_failure(name, error)]
        yield from results


def _failure(name: str, error: Exception) -> Result:
    known = describe(error)
    if known is not None:
        return fail(name, known.error, known.fix)
    reason = str(error).splitlines()[0] if str(error) else ""
    return fail(
        name,
        f"This could not be checked: {type(error).__name__}: {reason}",
        "Correct the cause if it is plain; else restore the part from a backup.",
    )
