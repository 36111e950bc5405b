"""The report: a sweep and its runs as one HTML page. Must not talk to a cluster or read a clock."""
