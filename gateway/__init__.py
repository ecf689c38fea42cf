"""An EDI/XML B2B message gateway: from a trading partner's socket to the back office and back."""

__version__ = "0.1.0"
