"""Our SFTP server: a virtual mailbox for each partner, without system users and without folders on a disk.

How a file comes in: ``listener`` takes the connection, ``login`` lets the partner in, ``channel`` reads its requests,
``requests`` says what each is and ``session`` does it in the ``mailbox``; ``staging`` holds what it writes, and when
it closes the file ``intake`` makes it a transmission before the answer goes out. How one goes out: ``delivery`` lays
it out, a session lets it be read, and when every byte was read and the file closed ``mailbox`` records the
collection. ``housekeeping`` does what time does.
"""

from gateway.transports.sftp.server.accounts import MailboxAccount, MailboxDirectory, ProfileAccounts
from gateway.transports.sftp.server.delivery import HostedMailboxDelivery
from gateway.transports.sftp.server.intake import StagedInboundPort
from gateway.transports.sftp.server.limits import SftpLimits
from gateway.transports.sftp.server.listener import SftpListener
from gateway.transports.sftp.server.mailbox import Alert, AlertPort, CollectedPort, Mailbox
from gateway.transports.sftp.server.passwords import hash_password

__all__ = [
    "Alert",
    "AlertPort",
    "CollectedPort",
    "HostedMailboxDelivery",
    "Mailbox",
    "MailboxAccount",
    "MailboxDirectory",
    "ProfileAccounts",
    "SftpLimits",
    "SftpListener",
    "StagedInboundPort",
    "hash_password",
]
