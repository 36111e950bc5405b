"""What chaos tests need: namespaces of a real API server with KWOK nodes."""

from tests.integration.conftest import places

__all__ = ["places"]
