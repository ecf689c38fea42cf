"""The demonstration: two companies on this machine go from order to cash, each through its own gateway."""
