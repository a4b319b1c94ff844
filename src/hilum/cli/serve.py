"""Command `hilum serve`: local web page and JSON API of a model."""

import sys
from typing import Annotated

import typer

from hilum.cli import options
from hilum.errors import HilumError
from hilum.serving.limits import Limits
from hilum.training.settings import TrainingSettings


def serve(
    model: options.Package,
    host: Annotated[
        str, typer.Option(help="Address to listen on. Any other than loopback is open to other machines.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any free port.")] = 8000,
    ensemble: options.UseEnsemble = False,
    accept: options.Accepted = None,
    max_images: Annotated[int, options.option_of(Limits, "images", min=1)] = Limits.images,
    max_bytes: Annotated[int, options.option_of(Limits, "upload_bytes", min=1)] = Limits.upload_bytes,
    device: options.DeviceName = TrainingSettings.device,
) -> None:
    """Serve a model as a local web page and a JSON API.

    Drop radiographs on the page to score them. POST /predict accepts one or several files as
    multipart/form-data; GET /card returns the model card, GET /health the state of the server. Nothing is stored; logs
    and responses contain no file names or DICOM tags. By default only this machine can connect. There is no
    authentication and no encryption.

    \b
    Examples:
      hilum serve models/simclr/seed-0
      hilum serve models/simclr --ensemble --port 8080
      curl -F files=@image.dcm http://127.0.0.1:8000/predict
    """
    try:
        from hilum.serving import make_app, make_server
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
        fix = "Give another address with --host and --port."
        raise HilumError(f"{host}:{port}", expected="a free address", found=found, fix=fix) from error
    shown = f"[{host}]" if ":" in host else host
    sys.stdout.write(f"http://{shown}:{listening.getsockname()[1]}/\n")
    if not is_loopback(host):
        sys.stderr.write("Anyone who reaches this address can use the model: no authentication, no encryption.\n")
    sys.stdout.flush()
    # the server completes open requests, and then raises the signal again
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, _end)
    with listening:
        make_server(app, host, port).run(sockets=[listening])


def _end(*_: object) -> None:
    raise SystemExit(0)
