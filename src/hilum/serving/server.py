"""HTTP server of the application: loopback by default, without access logs, with graceful shutdown."""

import ipaddress

import uvicorn
from starlette.applications import Starlette

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1", "[::1]")
_SECONDS_TO_END = 10


def allowed_hosts(host: str) -> tuple[str, ...]:
    """Return the host names that a server accepts (header Host).

    On loopback, only loopback names are accepted, which prevents DNS rebinding.

    Args:
        host: Address or name that the server binds to.
    """
    return LOOPBACK_NAMES if is_loopback(host) else ("*",)


def is_loopback(host: str) -> bool:
    """Check whether an address can be reached from this machine only."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def make_server(app: Starlette, host: str = "127.0.0.1", port: int = 8000) -> uvicorn.Server:
    """Create a server; `run()` serves until an interrupt or SIGTERM, and then completes open requests.

    Requests are not logged.

    Args:
        app: Application of `make_app`.
        host: Address to bind to.
        port: Port; 0 for any free port.
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
