"""One sweep, one pass: the only place where decisions meet requests."""
