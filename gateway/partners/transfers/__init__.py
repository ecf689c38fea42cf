"""The other ways of exchange with a partner, its documents one by one, delivery, alerts and retention.

One module for each door; what they share is in ``types``.
"""

from gateway.partners.transfers.delivery import Alerts, Delivery, Keep
from gateway.partners.transfers.documents import Documents, DocumentSettings, FollowUp, Tolerances
from gateway.partners.transfers.folder import FolderSettings
from gateway.partners.transfers.hosted import HostedKey, HostedSftp
from gateway.partners.transfers.http import HttpDoor
from gateway.partners.transfers.sftp import SftpSettings
from gateway.partners.transfers.xml import XmlDocument, XmlSettings

__all__ = [
    "Alerts",
    "Delivery",
    "DocumentSettings",
    "Documents",
    "FolderSettings",
    "FollowUp",
    "HostedKey",
    "HostedSftp",
    "HttpDoor",
    "Keep",
    "SftpSettings",
    "Tolerances",
    "XmlDocument",
    "XmlSettings",
]
