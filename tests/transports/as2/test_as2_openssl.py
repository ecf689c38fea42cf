"""OpenSSL, which shares no code with us, reads what we write and writes what we read."""

import os
import shutil
import subprocess

import pytest
from as2kit import NOW, ORDER, ec_key, identity, key, message
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.transports.as2.building import Protection
from gateway.transports.as2.cms import AlgorithmPolicy, decrypt, encrypt, sign_detached, verify_detached
from gateway.transports.as2.refusal import As2Refusal

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def openssl(tmp_path_factory):
    found = shutil.which("openssl")
    if not found:
        if os.environ.get("GATEWAY_REQUIRE_ALL") == "1":
            pytest.fail("openssl is not installed (Debian: openssl)")
        pytest.skip("openssl is not installed (Debian: openssl)")
    folder = tmp_path_factory.mktemp("openssl")
    for name in ("buyer", "seller", "other"):
        (folder / f"{name}.crt").write_bytes(identity(name).certificate_pem)
        (folder / f"{name}.key").write_bytes(identity(name).private_key_pem)
    curve = ec_key("curve")
    (folder / "curve.crt").write_bytes(curve.certificate.public_bytes(Encoding.PEM))
    (folder / "curve.key").write_bytes(
        curve.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )

    def run(*arguments, data=None):
        if data is not None:
            (folder / "in.bin").write_bytes(data)
        done = subprocess.run([found, "cms", *arguments], cwd=folder, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    run.folder = folder
    return run


@pytest.mark.parametrize("pss", [False, True])
@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_openssl_verifies_our_signature(openssl, digest, pss):
    (openssl.folder / "sig.p7s").write_bytes(sign_detached(ORDER, key("seller"), digest, NOW, pss=pss))
    openssl(
        "-verify", "-binary", "-noverify", "-nointern", "-certfile", "seller.crt", "-inform", "DER",
        "-in", "sig.p7s", "-content", "in.bin", "-out", "out.bin", data=ORDER,
    )  # fmt: skip


def test_openssl_verifies_our_elliptic_curve_signature(openssl):
    (openssl.folder / "sig.p7s").write_bytes(sign_detached(ORDER, ec_key("curve"), "sha256", NOW))
    openssl(
        "-verify", "-binary", "-noverify", "-nointern", "-certfile", "curve.crt", "-inform", "DER",
        "-in", "sig.p7s", "-content", "in.bin", "-out", "out.bin", data=ORDER,
    )  # fmt: skip


@pytest.mark.parametrize("transport", ["pkcs1v15", "oaep-sha256", "oaep-sha512"])
@pytest.mark.parametrize("cipher", ["aes128-cbc", "aes256-cbc", "3des", "aes128-gcm", "aes256-gcm"])
def test_openssl_opens_our_envelope(openssl, cipher, transport):
    data = encrypt(ORDER, key("buyer").certificate, cipher, transport)
    clear = openssl(
        "-decrypt",
        "-binary",
        "-inform",
        "DER",
        "-in",
        "in.bin",
        "-inkey",
        "buyer.key",
        "-recip",
        "buyer.crt",
        data=data,
    )
    assert clear == ORDER


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("buyer", []),
        ("buyer", ["-keyopt", "rsa_padding_mode:pss"]),
        ("buyer", ["-keyid"]),
        ("buyer", ["-nocerts"]),
        ("curve", []),
        ("curve", ["-nocerts"]),
    ],
    ids=str,
)
def test_we_verify_an_openssl_signature(openssl, name, options):
    signature = openssl(
        "-sign", "-binary", "-in", "in.bin", "-signer", f"{name}.crt", "-inkey", f"{name}.key",
        *[item for item in options if item.startswith(("-keyopt", "rsa_"))],
        "-md", "sha256", *[item for item in options if item in ("-keyid", "-nocerts")],
        "-outform", "DER", data=ORDER,
    )  # fmt: skip
    certificate = ec_key("curve").certificate if name == "curve" else key("buyer").certificate
    verified = verify_detached(signature, ORDER, [certificate], AlgorithmPolicy())
    assert verified.certificate == certificate


def test_a_signature_that_carries_its_content_is_refused(openssl):
    signature = openssl(
        "-sign", "-binary", "-nodetach", "-in", "in.bin", "-signer", "buyer.crt", "-inkey", "buyer.key",
        "-outform", "DER", data=ORDER,
    )  # fmt: skip
    with pytest.raises(As2Refusal, match="detached"):
        verify_detached(signature, ORDER, [key("buyer").certificate], AlgorithmPolicy())


@pytest.mark.parametrize(
    "options",
    [
        ["-aes256", "-recip", "seller.crt"],
        ["-aes128", "-keyid", "-recip", "seller.crt"],
        ["-aes-192-cbc", "-stream", "-recip", "seller.crt"],
        ["-aes256", "-recip", "other.crt", "-recip", "seller.crt"],
        ["-aes-256-gcm", "-recip", "seller.crt", "-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256"],
        ["-aes-128-gcm", "-stream", "-keyid", "-recip", "seller.crt"],
        ["-aes256", "-recip", "seller.crt", "-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha384"],
    ],
    ids=" ".join,
)
def test_we_open_an_openssl_envelope(openssl, options):
    content = ORDER * 20
    data = openssl("-encrypt", "-binary", "-in", "in.bin", *options, "-outform", "DER", data=content)
    opened = decrypt(data, [key("seller")], AlgorithmPolicy())
    assert opened.content == content


def test_the_whole_message_is_openssls_to_open_and_verify(openssl):
    built = message(protection=Protection(compress=None), recipient=key("other"))
    entity = openssl(
        "-decrypt", "-binary", "-inform", "DER", "-in", "in.bin", "-inkey", "other.key", "-recip", "other.crt",
        data=built.body,
    )  # fmt: skip
    openssl(
        "-verify", "-noverify", "-nointern", "-certfile", "buyer.crt", "-inform", "SMIME",
        "-in", "in.bin", "-out", "out.bin", data=entity,
    )  # fmt: skip
    assert (openssl.folder / "out.bin").read_bytes().endswith(ORDER)
