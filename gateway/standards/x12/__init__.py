"""X12: reading, checking, acknowledging and writing interchanges (ANSI ASC X12.5, X12.6, X12.20)."""
