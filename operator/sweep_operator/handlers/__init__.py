"""kopf's side of the operator: startup, login, probes, and Sweep events into the work queue."""
