"""Messages: their tables, lifecycle, control numbers, cases and queries, and the ports to the world."""
