"""The parts of `gateway.mapping.trace`: values that know where they came from, and maps that mark them on the way."""
