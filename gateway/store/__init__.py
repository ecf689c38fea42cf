"""The store: engine and single writer, migrations, event ledger, payloads and secrets."""
