"""Exchange of XML documents with a partner."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from gateway.partners.fields import Group, HttpUrlText, Many, SecretRef
from gateway.partners.transfers.types import MEBIBYTE
from gateway.standards.xml.limits import DEFAULT_LIMITS

__all__ = ["XmlDocument", "XmlSettings"]


class XmlDocument(Group):
    """One kind of XML document exchanged with the partner."""

    root: str = Field(min_length=1, description="Name of the root element.")
    namespace: str | None = Field(default=None, description="Namespace of the root element.")
    schema_set: str | None = Field(default=None, description="Schema it is checked with, such as ubl-2.1.")
    guide: str | None = Field(default=None, description="Guide or customisation id that the document must carry.")


class XmlSettings(Group):
    """Exchange of XML documents."""

    standard: Literal["ubl-2.1", "cxml-1.2"] | None = Field(default=None, description="The family of documents.")
    documents: Annotated[tuple[XmlDocument, ...], Many] = Field(
        default=(), description="Kinds taken; empty = all known."
    )
    url: HttpUrlText | None = Field(default=None, description="Where documents are posted over plain HTTPS.")
    token: SecretRef | None = Field(
        default=None, description="Bearer token that their server wants, as the name of a stored secret."
    )
    customization_id: str | None = Field(default=None, description="cbc:CustomizationID that we write.")
    profile_id: str | None = Field(default=None, description="cbc:ProfileID that we write.")
    shared_secret: SecretRef | None = Field(
        default=None, description="cXML SharedSecret that we write, as the name of a stored secret."
    )
    accepted_secrets: Annotated[tuple[SecretRef, ...], Many] = Field(
        default=(),
        description="cXML SharedSecrets that we take from the partner, as names of stored secrets; any one is right.",
    )
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] | None = Field(
        default=None, description="Currency of documents that name none (ISO 4217); UBL and cXML need one."
    )
    answer: Literal["always", "on_error", "never"] = Field(
        default="always",
        description="When we send an ApplicationResponse or cXML status; cXML over HTTP always gets its response.",
    )
    answer_hours: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Hours within which the partner answers what we send; empty = none is expected."
    )
    max_elements: Annotated[int, Field(ge=1_000, le=5_000_000)] = Field(
        default=DEFAULT_LIMITS.max_elements, description="Most elements of one XML file."
    )
    max_memory: Annotated[int, Field(ge=16 * MEBIBYTE, le=2048 * MEBIBYTE)] = Field(
        default=DEFAULT_LIMITS.max_memory,
        description="Most memory in bytes that one XML file may take with its tree; larger ones are held.",
    )
    deployment: Literal["test", "production"] | None = Field(
        default=None,
        description="cXML deploymentMode; empty = test while draft or testing, production from live on.",
    )
