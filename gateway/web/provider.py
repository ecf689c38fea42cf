"""The company's identity provider: the way there and back (OpenID Connect, authorization code with PKCE).

Discovery and keys are fetched from the issuer of the settings only, over TLS (plain HTTP on this machine), without
redirects, within limits of time and size. An ID token counts only with a signature of the provider's own keys by an
algorithm of ``ALGORITHMS``, for us, from the issuer, unexpired, and with the nonce of the browser that began.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.util import find_spec
from typing import Any
from urllib.parse import quote, urlencode

from gateway.settings.web import OidcSettings
from gateway.staff.errors import AccountError
from gateway.urls import guarded_url
from gateway.web.fetching import Fetched, FetchError, fetch

__all__ = ["ALGORITHMS", "Provider", "ProviderError", "installed"]

#: Signatures that are believed; "none" and shared keys are not among them.
ALGORITHMS = ("RS256", "ES256", "PS256")
#: A login must be back within this time; how far clocks may differ; how old a proof asked for anew may be.
DUE, SKEW, PROOF = timedelta(minutes=10), timedelta(minutes=1), timedelta(minutes=5)
#: How long what the provider says of itself is believed, and how often its keys are asked for at most.
_KNOWN, _KEYS_AGAIN = timedelta(hours=1), timedelta(seconds=30)
_RSA_BITS = 2048


class ProviderError(AccountError):
    """A login at the provider that cannot be believed, or a provider that cannot be asked."""


def installed() -> bool:
    """Whether the libraries of the extra ``oidc`` are there."""
    return find_spec("authlib") is not None and find_spec("joserfc") is not None


@dataclass(frozen=True, slots=True)
class _Metadata:
    """What the provider says of itself (OpenID Connect Discovery §3)."""

    authorization: str
    token: str
    keys: str
    post_secret: bool
    #: True when every answer names its issuer (RFC 9207).
    names_itself: bool
    fetched: datetime


Fetch = Callable[..., Fetched]


class Provider:
    """One provider; thread-safe."""

    def __init__(self, settings: OidcSettings, secret: Callable[[], str], *, fetch: Fetch = fetch) -> None:
        """``secret`` opens the client's secret when it is needed."""
        self.settings = settings
        self._secret = secret
        self._fetch = fetch
        self._lock = threading.Lock()
        self._known: _Metadata | None = None
        self._keys: tuple[list[dict[str, Any]], datetime] | None = None

    # -- there ---------------------------------------------------------------------------------------------------

    def begin(self, back: str, now: datetime, *, again: bool = False) -> tuple[str, dict[str, Any]]:
        """(where the browser goes, what it must still know when it is back). Raises ProviderError.

        ``back`` is our own address; ``again`` asks the person to prove anew who they are.
        """
        from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]

        known = self._metadata(now)
        kept: dict[str, Any] = {
            "state": secrets.token_urlsafe(32),
            "nonce": secrets.token_urlsafe(32),
            "verifier": secrets.token_urlsafe(48),
            "at": now.timestamp(),
            "again": again,
        }
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": back,
            "scope": " ".join(dict.fromkeys(("openid", *self.settings.scopes))),
            "state": kept["state"],
            "nonce": kept["nonce"],
            "code_challenge": create_s256_code_challenge(kept["verifier"]),
            "code_challenge_method": "S256",
        }
        if again:
            asked |= {"prompt": "login", "max_age": "0"}
        return f"{known.authorization}{'&' if '?' in known.authorization else '?'}{urlencode(asked)}", kept

    # -- back ----------------------------------------------------------------------------------------------------

    def check_return(self, kept: Mapping[str, Any] | None, given: Mapping[str, str], now: datetime) -> str:
        """The code that the browser brought back, when it is the browser that began. Asks nobody.

        Raises ProviderError.
        """
        state = str((kept or {}).get("state", ""))
        begun = float((kept or {}).get("at", 0))
        if not state or not hmac.compare_digest(state.encode(), given.get("state", "").encode()):
            raise ProviderError("This login was not begun in this browser.", "Begin again here.")
        if not timedelta(0) <= now - datetime.fromtimestamp(begun, now.tzinfo) + SKEW <= DUE + SKEW:
            raise ProviderError("This login took too long.", "Begin again here.")
        if "error" in given:
            raise ProviderError("Your company's login did not let you in.", "Try again, or use a password of your own.")
        if given.get("iss", self.settings.issuer) != self.settings.issuer:
            raise ProviderError("The answer is from another provider.", "Begin again here.")
        code = given.get("code", "")
        if not 0 < len(code) <= 4096:
            raise ProviderError("Your company's login gave no code.", "Begin again here.")
        return code

    def finish(
        self, kept: Mapping[str, Any], code: str, given: Mapping[str, str], back: str, now: datetime
    ) -> dict[str, Any]:
        """The verified claims of the person. Raises ProviderError."""
        known = self._metadata(now)
        if known.names_itself and "iss" not in given:
            raise ProviderError("The answer does not say which provider it is from.", "Begin again here.")
        token = self._exchange(known, code, str(kept["verifier"]), back)
        claims = self._verified(known, token, str(kept["nonce"]), now)
        if kept.get("again"):
            at = claims.get("auth_time")
            if isinstance(at, bool) or not isinstance(at, int | float) or now.timestamp() - at > PROOF.total_seconds():
                raise ProviderError(
                    "Your company's login did not ask you again.", "Log out there, then prove again who you are."
                )
        return claims

    def _exchange(self, known: _Metadata, code: str, verifier: str, back: str) -> str:
        """The ID token for a code (RFC 6749 §4.1.3, RFC 7636 §4.5)."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "code_verifier": verifier,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        secret = self._secret()
        if known.post_secret:
            form |= {"client_id": self.settings.client_id, "client_secret": secret}
        else:
            from base64 import b64encode

            pair = f"{quote(self.settings.client_id, safe='')}:{quote(secret, safe='')}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        answer = self._ask("POST", known.token, urlencode(form).encode(), headers)
        token = answer.data.get("id_token")
        if answer.status != 200 or not isinstance(token, str):
            said = answer.data.get("error")
            why = f" ({said[:60]})" if isinstance(said, str) and said.isprintable() else ""
            raise ProviderError(f"Your company's login did not accept the code{why}.", "Begin again here.")
        return token

    def _verified(self, known: _Metadata, token: str, nonce: str, now: datetime) -> dict[str, Any]:
        """The claims of an ID token (OpenID Connect Core §3.1.3.7). Raises ProviderError."""
        from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]
        from joserfc import jwt
        from joserfc.errors import JoseError

        try:
            found = self._decoded(known, token, now, jwt)
            claims = CodeIDToken(
                found.claims,
                found.header,
                {"iss": {"essential": True, "value": self.settings.issuer}},
                {"nonce": nonce, "client_id": self.settings.client_id},
            )
            claims.validate(now=int(now.timestamp()), leeway=int(SKEW.total_seconds()))
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise _unbelievable(type(error).__name__) from error
        audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        rules = {
            "issuer": claims["iss"] == self.settings.issuer,
            "audience": self.settings.client_id in audience,
            "party": len(audience) == 1 or claims.get("azp") == self.settings.client_id,
            "nonce": hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()),
            "expiry": _is_number(claims["exp"]) and claims["exp"] > now.timestamp() - SKEW.total_seconds(),
            "time": _is_number(claims["iat"]) and claims["iat"] <= now.timestamp() + SKEW.total_seconds(),
            "subject": isinstance(claims["sub"], str) and 0 < len(claims["sub"]) <= 255,
        }
        for name, kept in rules.items():
            if not kept:
                raise _unbelievable(name)
        return dict(claims)

    def _decoded(self, known: _Metadata, token: str, now: datetime, jwt: Any) -> Any:
        """The token with its signature checked; keys are fetched once more when none of those known fits."""
        from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError

        try:
            return jwt.decode(token, self._key_set(known, now, fresh=False), algorithms=list(ALGORITHMS))
        except (BadSignatureError, InvalidKeyIdError, JoseError, ValueError):
            if not self._may_ask_keys(now):
                raise
        return jwt.decode(token, self._key_set(known, now, fresh=True), algorithms=list(ALGORITHMS))

    # -- what the provider says of itself ------------------------------------------------------------------------

    def _metadata(self, now: datetime) -> _Metadata:
        with self._lock:
            if self._known is not None and now - self._known.fetched < _KNOWN:
                return self._known
        issuer = self.settings.issuer
        answer = self._ask("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        told = answer.data
        if answer.status != 200 or told.get("issuer") != issuer:
            raise ProviderError(
                f"{issuer} does not describe itself as this issuer.", "Correct [web.oidc] issuer in gateway.toml."
            )
        try:
            methods = told.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
            known = _Metadata(
                authorization=guarded_url(str(told["authorization_endpoint"])),
                token=guarded_url(str(told["token_endpoint"])),
                keys=guarded_url(str(told["jwks_uri"])),
                post_secret="client_secret_basic" not in methods and "client_secret_post" in methods,
                names_itself=told.get("authorization_response_iss_parameter_supported") is True,
                fetched=now,
            )
        except (KeyError, ValueError, TypeError) as error:
            raise ProviderError(f"What {issuer} says of itself cannot be used: {error}.") from error
        with self._lock:
            self._known = known
        return known

    def _may_ask_keys(self, now: datetime) -> bool:
        with self._lock:
            return self._keys is None or now - self._keys[1] >= _KEYS_AGAIN

    def _key_set(self, known: _Metadata, now: datetime, *, fresh: bool) -> Any:
        """The provider's keys for signatures that are believed."""
        from joserfc.jwk import KeySet

        with self._lock:
            kept = None if fresh or self._keys is None or now - self._keys[1] >= _KNOWN else self._keys[0]
        if kept is None:
            answer = self._ask("GET", known.keys)
            given = answer.data.get("keys")
            if answer.status != 200 or not isinstance(given, list):
                raise ProviderError("The keys of your company's login cannot be read.")
            kept = [key for key in given[:50] if _is_public_signing_key(key)]
            with self._lock:
                self._keys = (kept, now)
        if not kept:
            raise ProviderError("Your company's login has no key that can be believed.")
        return KeySet.import_key_set({"keys": kept})

    def _ask(self, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Any:
        try:
            return self._fetch(method, url, body, headers or {})
        except FetchError as error:
            raise ProviderError(
                f"Your company's login cannot be asked: {error}", "Use a password, or try again later."
            ) from error


def _is_public_signing_key(key: Any) -> bool:
    """An RSA key of 2048 bits or more, or a key on P-256, without its private part, not meant for encryption."""
    if not isinstance(key, dict) or key.get("use", "sig") != "sig" or "d" in key:
        return False
    if key.get("kty") == "EC":
        return key.get("crv") == "P-256"
    modulus = key.get("n")
    return key.get("kty") == "RSA" and isinstance(modulus, str) and len(modulus) * 6 >= _RSA_BITS


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _unbelievable(why: str) -> ProviderError:
    return ProviderError(f"The proof of your company's login cannot be believed ({why}).", "Begin again here.")
