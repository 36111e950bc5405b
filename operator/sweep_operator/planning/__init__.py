"""Facts in, decisions out: the rules of a sweep's life, with no I/O, no clock and no kopf."""
