"""The one exception whose message is meant for the person at the terminal."""


class ClusterError(Exception):
    """Says what is wrong, where, and what to do; printed without a traceback."""
