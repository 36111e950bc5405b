"""What `make demo` does: a local cluster, the operator in it, and a real sweep to its end."""
