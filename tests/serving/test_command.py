"""The command, as a program of its own."""

import signal
import socket
import subprocess
import sys

import httpx
import pytest
from typer.testing import CliRunner

import hilum.cli
from hilum.errors import HilumError


@pytest.mark.slow  # what the server answers is asked of one in a thread, in `test_app`
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_on_loopback_until_it_is_ended(model_directory, images, end):
    words = ["serve", model_directory, "--port", "0", "--max-images", "1", "--accept", "burned_in_text"]
    with subprocess.Popen(
        [sys.executable, "-c", "from hilum.cli import main; main()", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            address = server.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:")
            content = images[0].read_bytes()
            assert httpx.post(f"{address}predict", files={"files": content}, timeout=60).status_code == 200
            two = [("files", content), ("files", content)]
            assert httpx.post(f"{address}predict", files=two, timeout=60).status_code == 413
        finally:
            server.send_signal(end)
        _, message = server.communicate(timeout=30)
    assert server.returncode == 0, message
    assert "predict: 200, 1 images" in message
    assert "Traceback" not in message


def test_an_address_that_is_taken_is_refused(model_directory):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        answer = CliRunner().invoke(hilum.cli.make_app(), ["serve", str(model_directory), "--port", port])
    assert isinstance(answer.exception, HilumError)
    assert "a free address" in str(answer.exception)
