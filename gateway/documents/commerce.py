"""Commercial terms: allowances and charges, taxes, payment and freight terms, sales requirements and amounts."""

from __future__ import annotations

from gateway.documents.base import Code, Day, DocumentModel, Money, Number, new_list

__all__ = [
    "AllowanceCharge",
    "Amount",
    "Discount",
    "FreightTerms",
    "FulfilmentTerms",
    "Payment",
    "PaymentTerms",
    "Tax",
    "TaxLocation",
    "TaxRegistration",
]


class TaxLocation(DocumentModel):
    """A place that a tax registration is valid for."""

    type: str | None = None
    """state, county, city … (TAX02)."""
    code: str | None = None
    """The partner's location qualifier."""
    value: str | None = None
    """The place (TAX03)."""


class TaxRegistration(DocumentModel):
    """A tax identification, and whether it exempts (X12: TAX)."""

    id: str | None = None
    """Tax identification number (TAX01)."""
    locations: list[TaxLocation] = new_list()
    """Up to five places (TAX02-11)."""
    exempt: Code | None = None
    """TAX12."""


class Tax(DocumentModel):
    """A tax on the document or line (X12: TXI)."""

    type: Code | None = None
    """sales, state_sales, goods_and_services, value_added … (TXI01)."""
    amount: Money | None = None
    """TXI02."""
    rate: Number | None = None
    """Percent (TXI03)."""
    jurisdiction_type: Code | None = None
    """TXI04."""
    jurisdiction: str | None = None
    """TXI05."""
    exempt: Code | None = None
    """TXI06."""
    relation: Code | None = None
    """Whether the amount is in the price (TXI07)."""
    base: Money | None = None
    """Amount that the rate applies to (TXI08)."""
    registration: str | None = None
    """Tax identification number (TXI09)."""
    line_id: str | None = None
    """TXI10."""
    category: Code | None = None
    """standard_rate, zero_rated, exempt, reverse_charge … (UBL TaxCategory/ID, UN/CEFACT 5305)."""
    type_code: str | None = None
    """The scheme's own type code, as received (UBL TaxScheme/TaxTypeCode)."""
    exemption_code: Code | None = None
    """Why it is exempt, as a code (UBL TaxExemptionReasonCode)."""
    exemption_reason: str | None = None
    """Why it is exempt, in words (UBL TaxExemptionReason)."""


class AllowanceCharge(DocumentModel):
    """An allowance, a charge or a service (X12: SAC). Give `service`, or `agency` with `agency_code`."""

    indicator: Code | None = None
    """allowance, charge, none, promotion, service … (SAC01)."""
    service: Code | None = None
    """What for: freight, discount, defective_allowance … (SAC02)."""
    agency: str | None = None
    """Who keeps the list of `agency_code` ("VI") (SAC03)."""
    agency_code: str | None = None
    """The agency's own code (SAC04)."""
    amount: Money | None = None
    """SAC05, in currency units here, cents on the wire."""
    percent_basis: Code | None = None
    """SAC06."""
    percent: Number | None = None
    """SAC07."""
    rate: Number | None = None
    """Per unit (SAC08)."""
    unit: str | None = None
    """SAC09."""
    quantity: Number | None = None
    """SAC10."""
    quantity_to: Number | None = None
    """SAC11."""
    handling: Code | None = None
    """off_invoice, bill_back, add_to_invoice … (SAC12)."""
    reference: str | None = None
    """SAC13."""
    option: str | None = None
    """SAC14."""
    description: str | None = None
    """SAC15."""
    language: str | None = None
    """SAC16."""
    currency: str | None = None
    """Currency when it differs (CUR02)."""
    base: Money | None = None
    """The amount that it is a part of (UBL BaseAmount)."""
    factor: Number | None = None
    """The part of `base`, as sent: ten percent is 0.1 or 10, as the sender's profile says (UBL
    MultiplierFactorNumeric)."""
    taxes: list[Tax] = new_list()
    """Taxes on it (TXI within the loop; UBL TaxCategory)."""


class PaymentTerms(DocumentModel):
    """When and how much to pay (X12: ITD)."""

    type: Code | None = None
    """basic, end_of_month, discount_not_applicable … (ITD01)."""
    basis: Code | None = None
    """Date the terms count from: invoice_date, ship_date, delivery_date … (ITD02)."""
    discount_percent: Number | None = None
    """ITD03."""
    discount_date: Day | None = None
    """ITD04."""
    discount_days: int | None = None
    """ITD05."""
    net_date: Day | None = None
    """ITD06."""
    net_days: int | None = None
    """ITD07."""
    discount_amount: Money | None = None
    """ITD08, in currency units here, cents on the wire."""
    deferred_date: Day | None = None
    """ITD09."""
    deferred_amount: Money | None = None
    """ITD10."""
    invoice_percent: Number | None = None
    """Percent of the invoice payable (ITD11)."""
    description: str | None = None
    """ITD12."""
    day_of_month: int | None = None
    """ITD13."""
    method: Code | None = None
    """ITD14."""
    late_percent: Number | None = None
    """ITD15."""


class Discount(DocumentModel):
    """A quantity or value discount (X12: DIS)."""

    type: Code | None = None
    """DIS01."""
    base: Code | None = None
    """DIS02."""
    value: Number | None = None
    """DIS03."""
    limit_type: Code | None = None
    """DIS04."""
    limit_from: Number | None = None
    """DIS05."""
    limit_to: Number | None = None
    """DIS06."""


class FreightTerms(DocumentModel):
    """Who pays the freight and where the title passes (X12: FOB)."""

    payer: Code | None = None
    """prepaid, collect, prepaid_and_added, third_party … (FOB01)."""
    place_type: Code | None = None
    """FOB02."""
    place: str | None = None
    """FOB03."""
    terms_type: Code | None = None
    """FOB04."""
    terms: str | None = None
    """Incoterm or trade term ("FCA") (FOB05)."""
    title_place_type: Code | None = None
    """FOB06."""
    title_place: str | None = None
    """FOB07."""
    risk: Code | None = None
    """FOB08."""
    risk_description: str | None = None
    """FOB09."""
    special_terms: str | None = None
    """Special terms in words (UBL SpecialTerms)."""


class FulfilmentTerms(DocumentModel):
    """What to do when not everything can be shipped (X12: CSH)."""

    policy: Code | None = None
    """ship_complete, partial_backorder, partial_cancel, no_backorder, backorder … (CSH01)."""
    action: Code | None = None
    """CSH02."""
    amount: Money | None = None
    """CSH03."""
    account: str | None = None
    """CSH04."""
    date: Day | None = None
    """CSH05."""
    agency: str | None = None
    """CSH06."""
    service: str | None = None
    """CSH07."""
    substitution: Code | None = None
    """CSH08."""
    percent: Number | None = None
    """CSH09."""
    percent_type: Code | None = None
    """CSH10."""


class Amount(DocumentModel):
    """A qualified amount of money (X12: AMT)."""

    type: str | None = None
    """total, line_total, tax …"""
    code: str | None = None
    """The partner's qualifier (AMT01)."""
    amount: Money | None = None
    """AMT02."""
    direction: Code | None = None
    """credit or debit (AMT03)."""


class Payment(DocumentModel):
    """What is known of the payment; X12 purchase documents do not carry it."""

    method: str | None = None
    """card, transfer, cheque …"""
    reference: str | None = None
    """The payment's own reference."""
    authorized: Money | None = None
    """Amount authorised."""
    captured: Money | None = None
    """Amount captured."""
    paid: bool | None = None
    """Whether it is settled."""
