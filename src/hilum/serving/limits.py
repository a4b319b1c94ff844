"""Limits of a server, and the error of a refused request."""

from dataclasses import dataclass

_MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Limits of a server, each at least 1.

    Attributes:
        images: Maximum number of files per request.
        upload_bytes: Maximum size of a request in bytes, all files.
        waiting_images: Maximum number of images in processing, all requests; above it, the response is 503.
        waiting_bytes: Maximum size of uploads in memory in bytes, all requests; above it, the response is 503.
        upload_seconds: Maximum duration of an upload in seconds.
    """

    images: int = 16
    upload_bytes: int = 128 * _MIB
    waiting_images: int = 256
    waiting_bytes: int = 512 * _MIB
    upload_seconds: float = 60.0


DEFAULT_LIMITS = Limits()


class RefusedRequest(Exception):  # noqa: N818 - it becomes a response
    """Refused request.

    Args:
        status: HTTP status.
        code: Error code.
        message: Error message, without any data of the request.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status, self.code, self.message = status, code, message
        super().__init__(message)


class Quota:
    """Limited amount shared by all requests.

    Args:
        most: Maximum amount in use.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.now = 0

    def take(self, amount: int) -> None:
        """Reserve an amount.

        Raises:
            RefusedRequest: 503 if the maximum would be exceeded; nothing is reserved then.
        """
        if self.now + amount > self.most:
            raise RefusedRequest(503, "busy", "Too many images are waiting. Try again in a moment.")
        self.now += amount

    def release(self, amount: int) -> None:
        """Release an amount."""
        self.now -= amount
