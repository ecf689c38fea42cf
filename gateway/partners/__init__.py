"""Trading partners: profiles and their versions, partner files, identification and certificates."""
