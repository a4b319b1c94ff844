"""The server around the application: loopback unless named otherwise, quiet, ended in order."""

import ipaddress

import uvicorn
from starlette.applications import Starlette

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1", "[::1]")
_SECONDS_TO_END = 10


def allowed_hosts(host: str) -> tuple[str, ...]:
    """Names by which a server at an address may be called.

    On loopback only its own: a page from elsewhere that points a name of its own at 127.0.0.1 is refused.

    Args:
        host: address or name that it binds to.
    """
    return LOOPBACK_NAMES if is_loopback(host) else ("*",)


def is_loopback(host: str) -> bool:
    """Whether only this machine can call an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def make_server(app: Starlette, host: str = "127.0.0.1", port: int = 8000) -> uvicorn.Server:
    """A server for an application; `run()` serves until an interrupt or SIGTERM, and finishes what it has begun.

    Addresses that clients ask for are not logged.

    Args:
        app: of `make_app`.
        host: address that it binds to.
        port: 0 for any that is free.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=_SECONDS_TO_END,
        timeout_keep_alive=5,
    )
    return uvicorn.Server(config)
