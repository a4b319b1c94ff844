"""Bounds of what a server accepts and holds, and the error of a request beyond them."""

from dataclasses import dataclass

_MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Bounds; all at least 1.

    Attributes:
        images: files of one request.
        upload_bytes: of one request, all files together.
        waiting_images: images that are decoded or wait for the model, of all requests; more are answered with 503.
        waiting_bytes: uploads in memory, of all requests; more are answered with 503.
        upload_seconds: within which a request must have arrived.
    """

    images: int = 16
    upload_bytes: int = 128 * _MIB
    waiting_images: int = 256
    waiting_bytes: int = 512 * _MIB
    upload_seconds: float = 60.0


DEFAULT_LIMITS = Limits()


class RefusedRequest(Exception):  # noqa: N818 - it is an answer
    """A request that is not served.

    Args:
        status: of HTTP.
        code: for programs.
        message: for people; nothing out of the request.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status, self.code, self.message = status, code, message
        super().__init__(message)


class Held:
    """Counts what all requests hold together, against a bound.

    Args:
        most: that may be held.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.now = 0

    def take(self, amount: int) -> None:
        """Hold more.

        Raises:
            RefusedRequest: 503, and nothing is held, where that would be beyond the bound.
        """
        if self.now + amount > self.most:
            raise RefusedRequest(503, "busy", "Too many images wait. Try again in a moment.")
        self.now += amount

    def give_back(self, amount: int) -> None:
        """Hold less."""
        self.now -= amount
