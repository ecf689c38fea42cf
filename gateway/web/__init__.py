"""The staff pages: a Flask application of server-made pages, and the listener that serves it on this machine."""
