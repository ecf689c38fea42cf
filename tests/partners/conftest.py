"""Sessions, instants and certificates that the tests of partners share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

import gateway.partners.models  # registers its tables
from gateway.store.base import Base

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def session() -> Iterator[Session]:
    assert gateway.partners.models.Partner.__table__ is not None
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")
    Base.metadata.create_all(engine)
    with Session(engine) as opened:
        yield opened
    engine.dispose()


@pytest.fixture(scope="session")
def keys() -> dict[str, object]:
    return {
        "rsa": rsa.generate_private_key(65537, 2048),
        "weak": rsa.generate_private_key(65537, 1024),  # a key that must be refused
        "ec": ec.generate_private_key(ec.SECP256R1()),
        "small-ec": ec.generate_private_key(ec.SECP192R1()),
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
    }


MakePem = Callable[..., str]


@pytest.fixture(scope="session")
def make_pem(keys: dict[str, object]) -> MakePem:
    """Makes a self-signed certificate: make_pem("rsa", name="harbor", days=(-30, 365))."""

    def make(
        kind: str = "rsa",
        name: str = "harbor",
        days: tuple[int, int] = (-30, 365),
        usage: x509.KeyUsage | None = None,
    ) -> str:
        key = keys[kind]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(4711)
            .not_valid_before(NOW + timedelta(days=days[0]))
            .not_valid_after(NOW + timedelta(days=days[1]))
        )
        if usage is not None:
            builder = builder.add_extension(usage, critical=True)
        digest = None if kind == "ed25519" else hashes.SHA256()
        return builder.sign(key, digest).public_bytes(serialization.Encoding.PEM).decode()

    return make


@pytest.fixture(scope="session")
def pem(make_pem: MakePem) -> str:
    return make_pem()
