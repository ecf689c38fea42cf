"""The settings of the staff pages, and of the identity provider that lets people in to them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from gateway.settings.doors import TlsListener
from gateway.settings.endpoint import Endpoint, ListenText, UrlText, parse_endpoint
from gateway.settings.section import Section
from gateway.urls import guarded_url

__all__ = ["OidcSettings", "WebSettings"]

_Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_RoleName = Literal["viewer", "operator", "admin", "security"]


def _checked_issuer(url: str) -> str:
    if "?" in url or "#" in url:
        raise ValueError(f'"{url}" is not an issuer; it has no "?" and no "#"')
    return guarded_url(url)


class OidcSettings(Section):
    """The company's identity provider (OpenID Connect), beside passwords."""

    #: Its address, exactly as it writes it in its tokens; https, or http on this machine.
    issuer: Annotated[str, AfterValidator(_checked_issuer)]
    client_id: _Name
    #: Name of the stored secret: ``gateway secret put NAME``.
    client_secret: _Name
    #: What the button on the login page says after "Log in with".
    label: Annotated[str, StringConstraints(min_length=1, max_length=60)] = "your company's login"
    #: Claim of the ID token that gives roles; a dotted name leads into objects.
    roles_claim: _Name = "groups"
    #: Value of that claim → roles here. Nobody else gets in.
    roles: Annotated[dict[_Name, Annotated[list[_RoleName], Field(min_length=1)]], Field(min_length=1)]
    #: Where any are named, the person's verified address must be of one of them.
    allowed_domains: tuple[_Name, ...] = ()
    #: Where any are named, the person must be in one of them (claim ``groups_claim``).
    allowed_groups: tuple[_Name, ...] = ()
    groups_claim: _Name = "groups"
    #: What is asked for beside "openid".
    scopes: tuple[_Name, ...] = ("profile", "email")


class WebSettings(TlsListener):
    """The staff pages: for people of this company, never for partners."""

    #: host:port to listen on; port 0 lets the operating system choose. Off this machine only with TLS.
    listen: ListenText = "127.0.0.1:4090"
    #: The address staff use when it is not the one we listen on (a TLS proxy on this machine); only its host is
    #: answered then, and cookies are for TLS.
    public_url: UrlText | None = None
    #: Who must have a second factor: "none", "admins" (admin and security) or "all".
    require_totp: Literal["none", "admins", "all"] = "none"
    #: Requests that one API token may make in a minute; 0 switches the REST API off.
    api_per_minute: Annotated[int, Field(ge=0, le=1_000_000)] = 600
    #: The identity provider; unset = passwords only.
    oidc: OidcSettings | None = None

    @property
    def endpoint(self) -> Endpoint:
        """``listen`` as host and port."""
        return parse_endpoint(self.listen)
