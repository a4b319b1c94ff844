"""Files of a multipart request, in memory and within limits; their names are not stored."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Self

from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from hilum.serving.limits import Limits, Quota, RefusedRequest

_FIELDS = 16
_FIELD_BYTES = 4096


@dataclass
class Uploads:
    """Context manager of the files of one request, which releases their memory at the end.

    Attributes:
        quota: Bytes in memory, of all requests.
        contents: Contents of the files, in the order of the request.
    """

    quota: Quota
    contents: list[bytes] = field(default_factory=list)
    _bytes: int = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.contents.clear()
        self.quota.release(self._bytes)
        self._bytes = 0

    async def receive(self, request: Request, limits: Limits) -> None:
        """Read the files of a request.

        Args:
            request: Request with multipart/form-data; fields without a file are ignored.
            limits: Limits of the server.

        Raises:
            RefusedRequest: 400, malformed multipart, or no file; 408, too slow; 413, too many or too large files; 415,
                another content type; 503, too many other requests.
        """
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "multipart/form-data":
            raise RefusedRequest(415, "not_multipart", "Send files as multipart/form-data.")
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and (len(announced) > 15 or int(announced) > limits.upload_bytes):
            raise _too_large(limits)
        parser = _Parser(request.headers, self._bounded(request, limits), limits)
        try:
            async with asyncio.timeout(limits.upload_seconds):
                form = await parser.parse()
        except TimeoutError as error:
            raise RefusedRequest(408, "too_slow", "The upload took too long.") from error
        except (MultiPartException, ClientDisconnect, ValueError, LookupError) as error:
            raise RefusedRequest(400, "malformed", "The body is not valid multipart/form-data.") from error
        for _, value in form.multi_items():
            if not isinstance(value, str):
                self.contents.append(await value.read())
        await form.close()
        if not self.contents:
            raise RefusedRequest(400, "no_files", "The request contains no file.")

    async def _bounded(self, request: Request, limits: Limits) -> AsyncGenerator[bytes, None]:
        async for chunk in request.stream():
            if self._bytes + len(chunk) > limits.upload_bytes:
                raise _too_large(limits)
            self.quota.take(len(chunk))
            self._bytes += len(chunk)
            yield chunk


class _Parser(MultiPartParser):
    """Parser that keeps files of any size in memory, never on disk."""

    def __init__(self, headers: object, stream: AsyncGenerator[bytes, None], limits: Limits) -> None:
        super().__init__(headers, stream, max_fields=_FIELDS, max_part_size=_FIELD_BYTES)  # type: ignore[arg-type]
        self.spool_max_size = limits.upload_bytes + 1
        self._limits = limits

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        if self._current_files > self._limits.images:
            message = f"At most {self._limits.images} files per request."
            raise RefusedRequest(413, "too_many_files", message)


def _too_large(limits: Limits) -> RefusedRequest:
    return RefusedRequest(413, "too_large", f"At most {limits.upload_bytes:,} bytes per request.")
