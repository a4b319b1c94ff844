"""`hilum serve`: a model behind a local page and a JSON API."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from hilum.cli.named_data import DeviceName
from hilum.errors import HilumError


def serve(
    model: Annotated[Path, typer.Argument(help="A directory that `hilum package` wrote: of an arm, or of a seed.")],
    host: Annotated[str, typer.Option(help="Address to listen at; others than loopback let others in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 8000,
    ensemble: Annotated[bool, typer.Option("--ensemble", help="Mean probability of all seeds of an arm.")] = False,
    accept: Annotated[
        str | None, typer.Option(metavar="REASON,REASON", help="Score images all the same that are refused for these.")
    ] = None,
    max_images: Annotated[int, typer.Option(min=1, help="Files of one request.")] = 16,
    max_bytes: Annotated[int, typer.Option(min=1, help="Of one request, all files together.")] = 128 << 20,
    device: DeviceName = "auto",
) -> None:
    """Serve a model: a page to drop radiographs on, and a JSON API.

    POST /predict takes one or several files as multipart/form-data; GET /card says what the model is, GET /health
    whether it is there. Nothing is stored, and neither logs nor answers hold names of files or tags out of them. Only
    this machine can connect unless --host says otherwise; there is no log-in and no encryption.

    \b
    Examples:
      hilum serve models/simclr/seed-0
      hilum serve models/simclr --ensemble --port 8080
      curl -F files=@image.dcm http://127.0.0.1:8000/predict
    """
    try:
        from hilum.serving import Limits, make_app, make_server
        from hilum.serving.server import allowed_hosts, is_loopback
    except ImportError as error:
        fix = "Install it: pip install 'hilum[serve]'."
        raise HilumError("hilum serve", expected="a web server", found=str(error), fix=fix) from error
    import logging
    import signal
    import socket
    from dataclasses import replace

    from hilum.prediction.loading import load_package
    from hilum.prediction.predict import accepted_reasons

    accepted = accepted_reasons([word.strip() for word in accept.split(",")] if accept else [])
    limits = Limits(images=max_images, upload_bytes=max_bytes)
    limits = replace(limits, waiting_images=max(limits.waiting_images, max_images))
    limits = replace(limits, waiting_bytes=max(limits.waiting_bytes, 2 * max_bytes))
    loaded = load_package(model, ensemble=ensemble, device=device)  # type: ignore[arg-type]  # checked there
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(message)s")
    logging.getLogger("hilum.serving").setLevel(logging.INFO)
    app = make_app(loaded, limits=limits, accepted=accepted, allowed_hosts=allowed_hosts(host))
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        found = (error.strerror or "an address that cannot be used").lower()
        fix = "Name another with --host and --port."
        raise HilumError(f"{host}:{port}", expected="a free address", found=found, fix=fix) from error
    shown = f"[{host}]" if ":" in host else host
    sys.stdout.write(f"http://{shown}:{listening.getsockname()[1]}/\n")
    if not is_loopback(host):
        sys.stderr.write("Whoever reaches this address can use the model: no log-in, no encryption.\n")
    sys.stdout.flush()
    # the server finishes what it has begun, and then raises the signal that ended it once more
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, _end)
    with listening:
        make_server(app, host, port).run(sockets=[listening])


def _end(*_: object) -> None:
    raise SystemExit(0)
