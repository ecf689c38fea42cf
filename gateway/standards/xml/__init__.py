"""XML business documents: hardened parsing, identification, schemas, business rules and acknowledgements."""
