"""An identity provider of our own for tests, a process on this machine: Authlib's server with real HTTP and real keys.

``python oidcprovider.py`` prints its port. ``POST /control`` says how it misbehaves: what is changed in the next ID
tokens ("claims", "without"), how they are signed ("alg", "key": "other"), who is there ("user"), what it says of
itself ("metadata"), and what it adds to the address on the way back ("back").
"""

from __future__ import annotations

import hmac
import json
import sys
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, grants
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import AuthorizationCodeMixin, OpenIDCode
from flask import Flask, Response, jsonify, redirect, request
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from werkzeug.serving import WSGIRequestHandler, make_server

CLIENT, SECRET = "edi-gateway", "a secret: of 100% the client"
USER = {
    "sub": "248289761001",
    "name": "Olga Berg",
    "email": "olga@alpine.example",
    "email_verified": True,
    "groups": ["edi-staff"],
}


@dataclass
class Client(ClientMixin):
    def get_client_id(self) -> str:
        return CLIENT

    def get_default_redirect_uri(self) -> str:
        return ""

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri.endswith("/login/provider/back")

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in state.methods

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


@dataclass
class Code(AuthorizationCodeMixin):
    code: str
    redirect_uri: str
    scope: str
    user: dict[str, Any]
    nonce: str | None
    code_challenge: str | None
    code_challenge_method: str | None
    auth_time: int = field(default_factory=lambda: int(time.time()))

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str | None:
        return self.nonce

    def get_auth_time(self) -> int:
        return self.auth_time

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> list[str]:
        return ["pwd", "otp"]


class State:
    """What the provider knows, and how it is told to misbehave."""

    def __init__(self) -> None:
        self.issuer = ""
        self.methods = ["client_secret_basic"]
        self.keys = {
            "RS256": RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"}),
            "PS256": RSAKey.generate_key(2048, {"kid": "pss", "use": "sig"}),
            "ES256": ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"}),
            "ES384": ECKey.generate_key("P-384", {"kid": "ec384", "use": "sig"}),
        }
        self.other = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
        self.codes: dict[str, Code] = {}
        self.asked: list[dict[str, str]] = []
        self.control: dict[str, Any] = {}

    def rotate(self) -> None:
        self.keys["RS256"] = RSAKey.generate_key(2048, {"kid": f"rsa-{time.time_ns()}", "use": "sig"})

    def public_keys(self) -> dict[str, Any]:
        keys: Any = KeySet(list(self.keys.values())).as_dict(private=False)
        return dict(keys)


state = State()


class CodeGrant(grants.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

    def save_authorization_code(self, code: str, request: Any) -> None:
        given = request.payload.data
        state.codes[code] = Code(
            code,
            request.payload.redirect_uri,
            request.payload.scope,
            request.user,
            given.get("nonce"),
            given.get("code_challenge"),
            given.get("code_challenge_method"),
        )

    def query_authorization_code(self, code: str, client: Any) -> Code | None:
        return state.codes.get(code)

    def delete_authorization_code(self, authorization_code: Code) -> None:
        state.codes.pop(authorization_code.code, None)

    def authenticate_user(self, authorization_code: Code) -> dict[str, Any]:
        return authorization_code.user


class IdTokens(OpenIDCode):
    def exists_nonce(self, nonce: str, request: Any) -> bool:
        return False

    def get_client_claims(self, client: Any) -> dict[str, Any]:
        return {"iss": state.issuer, "aud": [CLIENT]}

    def resolve_client_private_key(self, client: Any) -> Any:
        return state.keys["RS256"]

    def generate_user_info(self, user: dict[str, Any], scope: str) -> dict[str, Any]:
        return user

    def encode_id_token(self, token: Any, request: Any) -> str:
        """The token as it should be, read again and signed as the test says."""
        right = super().encode_id_token(token, request)
        claims = jwt.decode(right, state.keys["RS256"]).claims | state.control.get("claims", {})
        for name in state.control.get("without", ()):
            claims.pop(name, None)
        alg = state.control.get("alg", "RS256")
        if alg in ("none", "HS256"):
            return unlawful(alg, claims)
        key = state.other if state.control.get("key") == "other" else state.keys[alg]
        return jwt.encode({"alg": alg, "kid": key.kid}, claims, key, [alg])


def unlawful(alg: str, claims: dict[str, Any]) -> str:
    """A token that no library makes: without a signature, or with the public key as if it were a shared secret."""
    parts = [json.dumps(part).encode() for part in ({"alg": alg, "typ": "JWT", "kid": "rsa"}, claims)]
    text = b".".join(urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    pem = state.keys["RS256"].as_pem(private=False)
    signature = hmac.digest(pem, text, "sha256") if alg == "HS256" else b""
    return (text + b"." + urlsafe_b64encode(signature).rstrip(b"=")).decode()


def application() -> Flask:
    app = Flask("provider")
    server = AuthorizationServer(
        app, query_client=lambda name: Client() if name == CLIENT else None, save_token=lambda *_: None
    )
    server.register_grant(CodeGrant, [IdTokens(require_nonce=True), CodeChallenge(required=True)])

    @app.get("/.well-known/openid-configuration")
    def discovery() -> Response:
        told = {
            "issuer": state.issuer,
            "authorization_endpoint": f"{state.issuer}/authorize",
            "token_endpoint": f"{state.issuer}/token",
            "jwks_uri": f"{state.issuer}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": list(state.keys),
            "token_endpoint_auth_methods_supported": state.methods,
        }
        return jsonify(told | state.control.get("metadata", {}))

    @app.get("/keys")
    def keys() -> Response:
        return jsonify(state.public_keys())

    @app.get("/authorize")
    def authorize() -> Any:
        state.asked.append(request.args.to_dict())
        user = USER | state.control.get("user", {})
        if state.control.get("denies"):
            return redirect(f"{request.args['redirect_uri']}?error=access_denied&state={request.args['state']}")
        grant = server.get_consent_grant(end_user=user)
        answer = server.create_authorization_response(grant_user=user, grant=grant)
        for name, value in state.control.get("back", {}).items():
            answer.headers["Location"] += f"&{name}={value}"
        return answer

    @app.post("/token")
    def token() -> Any:
        return server.create_token_response()

    @app.post("/control")
    def control() -> Response:
        state.control = request.get_json()
        state.methods = state.control.get("methods", ["client_secret_basic"])
        if state.control.get("rotate"):
            state.rotate()
        asked, state.asked = state.asked, []
        return jsonify(asked)

    @app.get("/elsewhere")
    def elsewhere() -> Any:
        return redirect("/keys")

    @app.get("/large")
    def large() -> Response:
        return Response("[" + " " * (2 << 20) + "]", mimetype="application/json")

    @app.get("/text")
    def text() -> str:
        return "no JSON"

    @app.get("/list")
    def listed() -> Response:
        return Response("[1]", mimetype="application/json")

    return app


class Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None: ...


def main() -> None:
    import os

    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    server = make_server("127.0.0.1", 0, application(), threaded=True, request_handler=Quiet)
    state.issuer = f"http://127.0.0.1:{server.port}"
    print(server.port, flush=True)
    sys.stdin.close()
    server.serve_forever()


if __name__ == "__main__":
    main()
