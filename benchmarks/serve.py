"""Many clients of `hilum serve` at once on loopback: latency, what is lost, memory; then malformed uploads.

    python benchmarks/serve.py [--model DIR] [--root FOLDER] [--clients 64] [--seconds 60] [--out serve.json]

The server is a process of its own, started by the command. Each client sends one image after the other over a
connection of its own. Printed are requests a second, percentiles of the latency, requests that were not answered with
200, and the server's resident memory before, during and after. Then 200 malformed uploads: their statuses, and whether
the server still answers. Without --model a ResNet-18 of random weights at 224 px serves; without --root the images are
generated.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from predict import SIZE, packaged, png_files

from hilum.artifacts import write_json

ACCEPT = "not_a_chest_radiograph,inverted,empty"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="directory of one classifier")
    parser.add_argument("--root", type=Path, help="folder of PNG radiographs")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = args.model or packaged("resnet18", Path(folder) / "model", SIZE).directory
        contents = [path.read_bytes() for path in png_files(Path(folder) / "png", args.root, 32)]
        words = [sys.executable, "-c", "from hilum.cli import main; main()", "serve", str(model), "--port", "0"]
        with subprocess.Popen(
            [*words, "--accept", ACCEPT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as server:
            try:
                assert server.stdout is not None
                address = server.stdout.readline().decode().strip()
                found: dict[str, Any] = {"load": load(server.pid, address, contents, args.clients, args.seconds)}
                found["malformed"] = malformed(address, contents)
            finally:
                server.send_signal(signal.SIGTERM)
        found["exit_code"] = server.returncode
        print(f"ended by SIGTERM with exit code {server.returncode}")
    if args.out:
        write_json(args.out, found)


def load(pid: int, address: str, contents: list[bytes], clients: int, seconds: float) -> dict[str, Any]:
    answers_to(httpx.Client(base_url=address, timeout=120), contents[0])
    before, most, over = resident(pid), 0.0, threading.Event()
    until = time.monotonic() + seconds

    def ask(number: int) -> tuple[list[float], Counter[int]]:
        waited: list[float] = []
        statuses = Counter[int]()
        with httpx.Client(base_url=address, timeout=120) as client:
            while time.monotonic() < until:
                begun = time.monotonic()
                statuses[answers_to(client, contents[(number + len(waited)) % len(contents)])] += 1
                waited.append(time.monotonic() - begun)
        return waited, statuses

    def watch() -> None:
        nonlocal most
        while not over.wait(0.5):
            most = max(most, resident(pid))

    watching = threading.Thread(target=watch)
    watching.start()
    begun = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        answers = list(pool.map(ask, range(clients)))
    took = time.monotonic() - begun
    over.set()
    watching.join()
    waited = np.concatenate([each for each, _ in answers]) * 1000
    statuses = sum((each for _, each in answers), Counter[int]())
    health = httpx.get(f"{address}health", timeout=60).json()
    lost = sum(statuses.values()) - statuses[200]
    percentiles = dict(zip(("p50", "p95", "p99"), np.percentile(waited, [50, 95, 99]).tolist(), strict=True))
    print(f"{clients} clients, {took:.0f} s: {len(waited):,} requests, {len(waited) / took:.1f} a second, {lost} lost")
    print(f"latency p50 {percentiles['p50']:.0f}, p95 {percentiles['p95']:.0f}, p99 {percentiles['p99']:.0f} ms")
    print(f"{health['batches']:,} batches; {health['images_waiting']} images and {health['bytes_waiting']} bytes wait")
    print(f"resident memory: {before:.0f} MiB before, at most {most:.0f}, {resident(pid):.0f} after")
    return {"requests": len(waited), "seconds": took, "lost": lost, "batches": health["batches"]} | {
        "latency_ms": percentiles,
        "MiB": {"before": before, "most": most, "after": resident(pid)},
    }


def malformed(address: str, contents: list[bytes]) -> dict[str, int]:
    """Noise, images that are cut short, images that are noise after their start, and bodies that are no multipart."""
    draw = random.Random(0)
    statuses = Counter[str]()
    with httpx.Client(base_url=address, timeout=120) as client:
        for number in range(200):
            whole = contents[number % len(contents)]
            upload = [
                draw.randbytes(draw.randint(0, 400)),
                whole[: draw.randint(0, len(whole) // 2)],
                whole[:100] + draw.randbytes(1000),
            ]
            if number % 4 < 3:
                answer = client.post("/predict", files={"files": upload[number % 4]})
            else:
                kind = {"content-type": "multipart/form-data; boundary=b"}
                answer = client.post("/predict", content=draw.randbytes(100), headers=kind)
            error = answer.json().get("error") or answer.json()["items"][0]["error"]
            statuses[f"{answer.status_code} {error['code']}"] += 1
        alive = answers_to(client, contents[0])
    print(f"200 malformed uploads: {dict(statuses)}; then an image: {alive}")
    return dict(statuses) | {"image_afterwards": alive}


def answers_to(client: httpx.Client, content: bytes) -> int:
    try:
        return client.post("/predict", files={"files": content}).status_code
    except httpx.HTTPError:
        return 0


def resident(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
