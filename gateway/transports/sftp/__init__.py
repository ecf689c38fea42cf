"""SFTP: our server with one mailbox for each partner, and our client for partners who run their own server."""
