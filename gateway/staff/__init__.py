"""Staff accounts: who may look at and change what, and how they prove who they are.

Passwords, one-time codes, sessions and tokens are kept only as hashes or sealed; every change is an event of the
ledger. Functions take a session of the store and the present instant; nothing here knows of HTTP.
"""
