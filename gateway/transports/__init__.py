"""Transports: how transmissions reach us and leave us. Each is a folder or module of its own."""
