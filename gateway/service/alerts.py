"""Alerts of an opened working directory: what they are told of the machine, and where staff reach the pages."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from cryptography import x509

from gateway.alerts.context import Alerting, Failed, Machine, OwnCertificate
from gateway.doctor.machine import check_machine
from gateway.doctor.places import check_places, check_tls
from gateway.doctor.result import Patient
from gateway.service.context import Context, utc_now
from gateway.settings import Settings
from gateway.workdir import LAST_BACKUP, as2_keys

__all__ = ["alerting_of"]

#: Results of the doctor that have an alert of their own, or are no fault.
_ELSEWHERE = frozenset({"disk", "service", "outbox"})


def alerting_of(context: Context) -> Alerting:
    """The surroundings of alerts in this working directory."""
    settings = context.settings
    return Alerting(
        read=context.store.read,
        write=context.store.writer.run,
        kek=context.kek,
        clock=context.pipeline.clock,
        settings=settings.alerts,
        directory=context.directory,
        company=settings.company.name,
        time_zone=settings.company.time_zone,
        base_url=partial(_base_url, context),
        machine=Machine(
            free_bytes=lambda: shutil.disk_usage(settings.paths.home).free,
            reserve_bytes=settings.limits.min_free_disk_bytes,
            last_backup=lambda: last_backup(settings.paths.home),
            failed_tests=partial(_failed_tests, settings),
            own_certificates=partial(_own_certificates, context),
        ),
    )


def _base_url(context: Context) -> str:
    """What staff open in a browser, without the slash at its end."""
    web = context.settings.web
    return (web.public_url or context.staff_url or f"http://{web.listen}").rstrip("/")


def last_backup(home: Path) -> datetime | None:
    """When `gateway backup` last ended well here; None when it never did."""
    try:
        noted = json.loads((home / LAST_BACKUP).read_text(encoding="utf-8"))
        at = datetime.fromisoformat(str(noted["taken_at"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return at if at.tzinfo else None


def _failed_tests(settings: Settings) -> Sequence[Failed]:
    patient = Patient(settings, utc_now(), running=True)
    results = [*check_machine(), *check_places(patient), *check_tls(patient)]
    return [
        Failed(one.check, one.message, one.fix)
        for one in results
        if one.status == "fail" and one.check not in _ELSEWHERE
    ]


def _own_certificates(context: Context) -> Sequence[OwnCertificate]:
    """Our AS2 certificate in use, and those of our listeners."""
    with context.store.read() as session:
        keys = as2_keys(session, context.kek)
    found = [OwnCertificate("Our AS2 certificate", keys[0].certificate.not_valid_after_utc)] if keys else []
    settings = context.settings
    listeners = {
        "the AS2 listener": settings.as2.tls_certificate,
        "the HTTP door": settings.http.tls_certificate,
        "the staff pages": settings.web.tls_certificate,
    }
    for name, path in listeners.items():
        if path is None:
            continue
        try:
            leaf = x509.load_pem_x509_certificate(settings.resolve(path).read_bytes())
        except (OSError, ValueError):
            continue  # the self-test of TLS says so
        found.append(OwnCertificate(f"The TLS certificate of {name}", leaf.not_valid_after_utc))
    return found
