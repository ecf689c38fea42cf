"""How an invoice is to be paid: the means of payment and the account that the money goes to."""

from __future__ import annotations

from gateway.documents.base import Code, Day, DocumentModel, new_list
from gateway.documents.parties import Address

__all__ = ["FinancialAccount", "PaymentMeans"]


class FinancialAccount(DocumentModel):
    """An account at a bank (UBL FinancialAccount)."""

    id: str | None = None
    """IBAN or account number (ID)."""
    scheme: str | None = None
    """Whose number it is, as received (ID schemeID)."""
    name: str | None = None
    """Name of the account's holder (Name)."""
    type: str | None = None
    """Kind of account, as received (AccountTypeCode)."""
    currency: str | None = None
    """ISO 4217 code of the account (CurrencyCode)."""
    branch_id: str | None = None
    """BIC or branch number (FinancialInstitutionBranch/ID)."""
    branch_name: str | None = None
    """Name of the branch (FinancialInstitutionBranch/Name)."""
    bank_id: str | None = None
    """BIC or number of the bank (FinancialInstitutionBranch/FinancialInstitution/ID)."""
    bank_name: str | None = None
    """Name of the bank (FinancialInstitutionBranch/FinancialInstitution/Name)."""
    branch_address: Address | None = None
    """Where the branch is (FinancialInstitutionBranch/Address)."""
    bank_address: Address | None = None
    """Where the bank is (FinancialInstitutionBranch/FinancialInstitution/Address)."""
    country: str | None = None
    """Country of the account (Country/IdentificationCode)."""


class PaymentMeans(DocumentModel):
    """One way to pay (UBL PaymentMeans; X12 purchase documents do not carry it)."""

    type: Code | None = None
    """credit_transfer, direct_debit, card, cheque … (PaymentMeansCode, UN/CEFACT 4461)."""
    type_name: str | None = None
    """The means in words (PaymentMeansCode name)."""
    due_date: Day | None = None
    """Day by which it is to be paid (PaymentDueDate)."""
    channel: str | None = None
    """Channel, as received ("IBAN") (PaymentChannelCode)."""
    instruction: str | None = None
    """Number of the instruction (InstructionID)."""
    references: list[str] = new_list()
    """What the payer is to quote (PaymentID)."""
    notes: list[str] = new_list()
    """Text for the payer (InstructionNote)."""
    payee_account: FinancialAccount | None = None
    """The account that receives the money (PayeeFinancialAccount)."""
    payer_account: FinancialAccount | None = None
    """The account that the money is drawn from (PayerFinancialAccount)."""
    mandate: str | None = None
    """Mandate of a direct debit (PaymentMandate/ID)."""
