"""AS2 (RFC 4130): a strict message core without I/O, a Twisted server and a blocking client.

``mime``, ``cms``, ``headers``, ``message`` and ``mdn`` take bytes and return values. ``receive`` turns one
HTTP request into one answer, ``server`` carries it on Twisted, ``client`` delivers from worker threads.
"""
