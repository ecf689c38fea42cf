"""SFTP with the partner's server: files fetched on a schedule, files put, and a test of the connection in words.

``target`` says what is agreed, ``connection`` opens a session that trusts pinned host keys only, ``listing`` and
``fetching`` take files without losing or doubling one, ``sending`` puts a file so that it appears whole or not at
all. ``poller`` and ``delivery`` run these for all partners; ``probing`` explains a connection step by step.
"""

from __future__ import annotations

from gateway.transports.sftp.client.delivery import SftpDelivery
from gateway.transports.sftp.client.gates import Gates
from gateway.transports.sftp.client.poller import SftpPoller
from gateway.transports.sftp.client.probing import StepResult, partner_test
from gateway.transports.sftp.client.target import Credentials, SftpTarget, SftpTargets, target_from_profile
from gateway.transports.sftp.client.targets import StoredTargets

__all__ = [
    "Credentials",
    "Gates",
    "SftpDelivery",
    "SftpPoller",
    "SftpTarget",
    "SftpTargets",
    "StepResult",
    "StoredTargets",
    "partner_test",
    "target_from_profile",
]
