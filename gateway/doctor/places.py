"""Checks of the places around the store: folders, permissions, disk, listener and TLS files."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import ssl
import stat
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from gateway.backoffice.outbox import FAILED, is_ignored
from gateway.doctor.result import Patient, Result, count, fail, ok, warn
from gateway.partners.certificates import EXPIRY_DAYS

__all__ = ["check_listener", "check_places", "check_tls", "expiry"]

#: Seconds after which a file in the outbox counts as forgotten.
STUCK_SECONDS = 600


def check_places(patient: Patient) -> Iterator[Result]:
    """The service itself, folders, the privacy of keys, disk space and the hot folders."""
    if patient.running:
        yield ok("service", "The service is running.")
    else:
        yield warn("service", "The service is not running.", "Start it: gateway up.")
    yield from _folders(patient)
    yield _private(patient)
    yield _disk(patient)
    yield _outbox(patient)


def _folders(patient: Patient) -> Iterator[Result]:
    paths = patient.settings.paths
    folders = [paths.home, paths.keys, paths.run, paths.blobs, paths.inbox, paths.outbox]
    folders += [] if paths.log is None else [paths.log.parent]
    bad = 0
    for folder in folders:
        try:
            with tempfile.TemporaryFile(dir=folder, prefix=".doctor-"):
                pass
        except FileNotFoundError:
            bad += 1
            yield fail("folders", f"{folder} is missing.", f"Make it again: gateway init {paths.home}")
        except OSError as error:
            bad += 1
            yield fail("folders", f"{folder} cannot be written to: {error.strerror}.", "Correct its owner or mode.")
    if not bad:
        yield ok("folders", f"All {len(folders)} folders are there and can be written to.")


def _private(patient: Patient) -> Result:
    """Keys, control socket folder and database belong to us and are closed to others."""
    paths = patient.settings.paths
    settings = paths.settings if "://" in patient.settings.store.database else None
    if settings is not None and stat.S_IMODE(settings.stat().st_mode) & 0o007:
        fix = f"Run: chmod o= {settings}"
        return fail("permissions", f"{settings} is open to other users, and names the database.", fix)
    for path in (paths.keys, paths.kek, paths.run, paths.database):
        if path is None or not path.exists():
            continue
        status = path.stat()
        if stat.S_IMODE(status.st_mode) & 0o077:
            mode = "700" if path.is_dir() else "600"
            return fail("permissions", f"{path} is open to other users.", f"Run: chmod {mode} {path}")
        if status.st_uid != os.geteuid() and os.geteuid() != 0:
            return fail("permissions", f"{path} belongs to another user.", f"Run as that user, or: chown {path}")
    return ok("permissions", "Keys, control socket and database are closed to other users.")


def _disk(patient: Patient) -> Result:
    usage = shutil.disk_usage(patient.settings.paths.home)
    reserve = patient.settings.limits.min_free_disk_bytes
    free = f"{usage.free / 2**30:,.1f} GiB of {usage.total / 2**30:,.1f} GiB are free"
    if usage.free < reserve:
        return fail("disk", f"{free}: less than the reserve of {reserve:,} bytes.", "Make room on the disk.")
    if usage.free < 2 * reserve:
        return warn("disk", f"{free}: close to the reserve of {reserve:,} bytes.", "Make room on the disk.")
    return ok("disk", f"{free}.")


def _outbox(patient: Patient) -> Result:
    """Files that wait too long to be picked up, and files that were refused."""
    outbox = patient.settings.paths.outbox
    limit = patient.now.timestamp() - STUCK_SECONDS
    waiting = [entry for entry in _files(outbox) if not is_ignored(entry.name)]
    stuck = [entry for entry in waiting if entry.stat().st_mtime < limit]
    if patient.running and stuck:
        return warn(
            "outbox",
            f"{count(len(stuck), 'file')} in {outbox} waited for more than {STUCK_SECONDS // 60} minutes, "
            f"the first is {stuck[0].name}.",
            "Look for their names in the log.",
        )
    refused = [entry for entry in _files(outbox / FAILED) if entry.name.endswith(".reason.json")]
    if refused:
        return warn(
            "outbox",
            f"{count(len(refused), 'file')} in {outbox / FAILED} could not be sent; the reasons lie beside.",
            "Correct them and move them back into the outbox, or delete them with their reasons.",
        )
    return ok("outbox", f"{count(len(waiting), 'file')} waiting, none refused.")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def check_listener(patient: Patient) -> Iterator[Result]:
    """The AS2 port is free for us, or ours already."""
    endpoint = patient.settings.as2.endpoint
    if endpoint.port == 0:
        yield ok("as2 port", "The operating system chooses a free port at each start.")
        return
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            endpoint.host, endpoint.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        yield _not_bindable(patient, error)
        return
    if patient.running:
        yield warn(
            "as2 port",
            f"The service runs, but nothing listens on {endpoint}.",
            "Restart it if the settings were changed; a process with --role receive may listen elsewhere.",
        )
    else:
        yield ok("as2 port", f"{endpoint} is free.")


def _not_bindable(patient: Patient, error: OSError) -> Result:
    endpoint = patient.settings.as2.endpoint
    if error.errno == errno.EADDRINUSE and patient.running:
        return ok("as2 port", f"The service listens on {endpoint}.")
    fixes = {
        errno.EADDRINUSE: "Stop the program that uses it, or change listen under [as2].",
        errno.EACCES: "Use a port above 1023 behind a proxy, or give the service that right.",
    }
    fix = fixes.get(error.errno or 0, "Change listen under [as2] to an address of this machine.")
    return fail("as2 port", f"{endpoint} cannot be listened on: {error.strerror or error}.", fix)


def check_tls(patient: Patient) -> Iterator[Result]:
    """The TLS certificate and key of the listener fit each other and are in date."""
    as2 = patient.settings.as2
    if as2.tls_certificate is None or as2.tls_key is None:
        return
    certificate, key = patient.settings.resolve(as2.tls_certificate), patient.settings.resolve(as2.tls_key)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
        leaf = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError) as error:
        yield fail("tls", f"{certificate} and {key} cannot be used: {error}.", "Put the matching pair in place.")
        return
    yield expiry("tls", "The TLS certificate", leaf.not_valid_after_utc, patient.now, "Renew it.")


def expiry(check: str, what: str, ends: datetime, now: datetime, fix: str) -> Result:
    """Whether something that ends is still good, and for how long."""
    day = f"{ends.astimezone(UTC):%Y-%m-%d}"
    left = ends - now
    if left <= timedelta(0):
        return fail(check, f"{what} ended on {day}.", fix)
    if left <= timedelta(days=max(EXPIRY_DAYS)):
        return warn(check, f"{what} ends on {day}, in {left.days} days.", fix)
    return ok(check, f"{what} is good until {day}.")
