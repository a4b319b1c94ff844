"""Steps of an encoder on small views, its small maps multiplied and convolved, in turns.

    python benchmarks/conv_small_inputs.py [--encoder resnet18] [--sizes 32 48 64] [--views 64 192] [--rounds 15]

Forward and backward pass in training mode, channels-last, in bfloat16 and in float32, as `hilum.training` runs them on
a CPU. Of 64 views of 48 px are the steps of SimCLR at batch 32 on such images; 192 views are SwAV's or DINO's six local
ones. Run it on an idle machine.
"""

import argparse
import statistics
import time

import torch

from hilum.encoders.zoo import Encoder, create_encoder
from hilum.training.cpu import keep_freed_memory, small_convolutions_as_products

UNCOUNTED = 3  # rounds at the start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", default="resnet18")
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 48, 64])
    parser.add_argument("--views", type=int, nargs="+", default=[64, 192])
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    encoder = create_encoder(arguments.encoder, seed=0).train()
    encoder.to(memory_format=torch.channels_last)
    print(f"{arguments.encoder}, {torch.get_num_threads()} threads; ms of the median step\n")
    print("| precision | views | px | multiplied | convolved | ratio |\n|---|---|---|---|---|---|")
    with keep_freed_memory(torch.device("cpu")):
        for precision in ("bf16", "fp32"):
            for views in arguments.views:
                for size in arguments.sizes:
                    fast, plain = medians(encoder, torch.rand(views, 1, size, size), precision, arguments.rounds)
                    times = f"{1e3 * fast:.0f} | {1e3 * plain:.0f} | {plain / fast:.2f}×"
                    print(f"| {precision} | {views} | {size} | {times} |", flush=True)


def medians(encoder: Encoder, views: torch.Tensor, precision: str, rounds: int) -> tuple[float, float]:
    """Seconds of a step, small maps multiplied and convolved."""
    multiplied, convolved = [], []
    for _ in range(UNCOUNTED + rounds):
        with small_convolutions_as_products(encoder):
            multiplied.append(step(encoder, views, precision))
        convolved.append(step(encoder, views, precision))
    return statistics.median(multiplied[UNCOUNTED:]), statistics.median(convolved[UNCOUNTED:])


def step(encoder: Encoder, views: torch.Tensor, precision: str) -> float:
    encoder.zero_grad()
    start = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        features = encoder(views)
    features.float().square().mean().backward()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
