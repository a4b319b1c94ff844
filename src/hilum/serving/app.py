"""Web application: a page, POST /predict, GET /card and GET /health.

POST /predict takes multipart/form-data with one or several files; with ?maps=true it adds heat maps as data URIs. The
response is {"model": …, "items": […]}, with an item per file in order: scores, or an error with a code of
`hilum.prediction.reasons`. The status is 200 if an image was scored, 422 if none was. A refused request gets
{"error": {"code": …, "message": …}} (`hilum.serving.uploads`).
"""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from hilum.prediction.inputs import InputImage
from hilum.prediction.loading import PackagedClassifier
from hilum.prediction.reading import ReadImage, read_input
from hilum.prediction.reasons import Reason, Refusal
from hilum.prediction.training_membership import TrainingMembership
from hilum.serving.limits import DEFAULT_LIMITS, Limits, Quota, RefusedRequest
from hilum.serving.page import page_of
from hilum.serving.responses import NOTICE, card_of, refused_item, scored_item
from hilum.serving.scoring import BatchingScorer
from hilum.serving.uploads import Uploads

logger = logging.getLogger(__name__)
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
_UPLOAD = Path("upload")
"""Name of every uploaded image; the original names are not used."""


def make_app(
    model: PackagedClassifier,
    *,
    limits: Limits = DEFAULT_LIMITS,
    accepted: Collection[Reason] = (),
    allowed_hosts: Sequence[str] = ("*",),
    workers: int | None = None,
) -> Starlette:
    """Create the application of a model, for any ASGI server.

    Args:
        model: Loaded model.
        limits: Limits of uploads and of waiting requests.
        accepted: Reasons for refusal to ignore.
        allowed_hosts: Accepted host names (header Host); "*" for any.
        workers: Threads that decode images; None: all cores, at most 4.
    """
    service = _Service(model, limits, frozenset(accepted), workers or min(os.cpu_count() or 1, 4))
    routes = [
        Route("/", service.page, methods=["GET"]),
        Route("/predict", service.predict, methods=["POST"]),
        Route("/card", service.card, methods=["GET"]),
        Route("/health", service.health, methods=["GET"]),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(allowed_hosts), www_redirect=False)],
        exception_handlers={HTTPException: _refused_by_router},
        lifespan=service.lifespan,
    )


class _Service:
    """Shared state of the routes."""

    def __init__(self, model: PackagedClassifier, limits: Limits, accepted: frozenset[Reason], workers: int) -> None:
        self._model, self._limits, self._accepted = model, limits, accepted
        self._scorer = BatchingScorer(model)
        self._decoders = ThreadPoolExecutor(workers, thread_name_prefix="hilum-decoding")
        self._images, self._bytes = Quota(limits.waiting_images), Quota(limits.waiting_bytes)
        self._ledger = model.ledger
        self._card = card_of(model)
        self._page, self._security_policy = page_of(self._card, limits)

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Start the threads; at the end, complete waiting requests."""
        self._scorer.start()
        try:
            yield
        finally:
            self._decoders.shutdown(cancel_futures=True)
            self._scorer.close()

    async def page(self, _: Request) -> Response:
        """Handle GET /."""
        return HTMLResponse(self._page, headers=_HEADERS | {"Content-Security-Policy": self._security_policy})

    async def card(self, _: Request) -> Response:
        """Handle GET /card."""
        return JSONResponse(self._card, headers=_HEADERS)

    async def health(self, _: Request) -> Response:
        """Handle GET /health."""
        counts = {"images_waiting": self._images.now, "bytes_waiting": self._bytes.now, "batches": self._scorer.batches}
        return JSONResponse({"status": "ok", "model": self._card["name"]} | counts, headers=_HEADERS)

    async def predict(self, request: Request) -> Response:
        """Handle POST /predict."""
        begun, images = time.monotonic(), 0
        try:
            with_maps = _yes(request.query_params.get("maps", "false"))
            with Uploads(self._bytes) as uploads:
                await uploads.receive(request, self._limits)
                images = len(uploads.contents)
                self._images.take(images)
                try:
                    items = await asyncio.gather(
                        *(self._item(index, content, with_maps) for index, content in enumerate(uploads.contents))
                    )
                finally:
                    self._images.release(images)
            status = 200 if any("findings" in item for item in items) else 422
            answer = JSONResponse(
                {"model": self._card["name"], "items": items, "notice": NOTICE}, status_code=status, headers=_HEADERS
            )
        except RefusedRequest as refusal:
            answer = _refused(refusal)
        # only the type of the error: a traceback may contain data of the upload
        except Exception as error:  # noqa: BLE001
            logger.error("predict: %s", type(error).__name__)
            answer = _refused(RefusedRequest(500, "failed", "Internal server error."))
        logger.info("predict: %d, %d images, %.3f s", answer.status_code, images, time.monotonic() - begun)
        return answer

    async def _item(self, index: int, content: bytes, with_maps: bool) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        read, in_training = await loop.run_in_executor(self._decoders, self._read, content)
        if read.pixels is None:
            return refused_item(index, read.refusal or Refusal(Reason.UNREADABLE), read)
        scores = await asyncio.wrap_future(self._scorer.submit(read.pixels, with_maps=with_maps))
        if not with_maps:
            return scored_item(self._model, index, read, scores, in_training)
        return await loop.run_in_executor(self._decoders, scored_item, self._model, index, read, scores, in_training)

    def _read(self, content: bytes) -> tuple[ReadImage, bool | None]:
        image = InputImage(_UPLOAD.name, _UPLOAD, content=content)
        try:
            read = read_input(image, self._model.recipe, self._model.description.training_range, self._accepted)
            # a new lookup each time: no patient ids are stored
            return read, TrainingMembership(self._ledger).of(image, read.patient_id)
        # malformed files may raise any error; only this image is refused
        except Exception as error:  # noqa: BLE001
            logger.error("reading: %s", type(error).__name__)
            return ReadImage(None, Refusal(Reason.UNREADABLE), None), None


def _yes(word: str) -> bool:
    known = {"true": True, "1": True, "false": False, "0": False}
    if word.lower() not in known:
        raise RefusedRequest(400, "wrong_option", "maps must be true or false.")
    return known[word.lower()]


def _refused(refusal: RefusedRequest) -> JSONResponse:
    headers = _HEADERS | ({"Retry-After": "1"} if refusal.status == 503 else {})
    if refusal.status in (408, 413):
        headers["Connection"] = "close"  # do not wait for the rest of the upload
    content = {"error": {"code": refusal.code, "message": refusal.message}}
    return JSONResponse(content, status_code=refusal.status, headers=headers)


async def _refused_by_router(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    code, message = {404: ("not_found", "Not found."), 405: ("wrong_method", "Method not allowed.")}.get(
        status, ("refused", "Request refused.")
    )
    return _refused(RefusedRequest(status, code, message))
