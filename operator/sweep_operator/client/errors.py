"""What can go wrong between a person and a cluster, each in one sentence that says what to do."""


class ClientError(Exception):
    """Something didn't work; the message says what, and what to do."""


class NotFoundError(ClientError):
    """There is no such object."""


class RefusedError(ClientError):
    """The API server refuses what was written; the message is why."""


class NotAcknowledgedError(ClientError):
    """An edit is stored, and no operator has acted upon it."""
