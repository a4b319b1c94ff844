"""One channel and a folded stem, against three equal channels: what is saved.

    python benchmarks/gray_stem.py [--batch N] [--rounds N] [--encoders NAME …] [--out gray_stem.json]

The same network twice, with weights that give the same features (`hilum.encoders.stem.fold_gray`; the difference is
measured before anything is timed): timm's with three channels, fed as is usual (the image's gray copied into three
channels, each normalised on its own), and Hilum's with one. Both start from uint8 images of 224 px that are on the
device already; bfloat16 where the hardware has it, channels-last. Two kinds of work: features without gradients, and
the forward and backward pass of training. Rounds alternate between the two networks; medians are printed.

On convolutions with padding (ResNet, DenseNet) the features differ by what lies behind the image's edge; see the docs.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn

from hilum.artifacts import write_json
from hilum.encoders.stem import fold_gray
from hilum.encoders.zoo import create_encoder
from hilum.training.distributed.device import choose_device
from hilum.training.precision import choose_precision

SIZE = 224
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
ENCODERS = "resnet18", "resnet50", "convnextv2_atto", "vit_small_patch16_224"
UNCOUNTED = 1  # rounds at the start


class ThreeChannels(nn.Module):
    """What users write: gray images copied into three channels and normalised for a network as it was published."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.network = timm.create_model(name, in_chans=3, num_classes=0)
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None])
        self.register_buffer("std", torch.tensor(STD)[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        """(B, 1, H, W) in [0, 1] to features."""
        return self.network((images.expand(-1, 3, -1, -1) - self.mean) / self.std)


def pair(name: str) -> dict[str, nn.Module]:
    """Networks of equal weights, with three channels and with one."""
    torch.manual_seed(0)
    three, one = ThreeChannels(name), create_encoder(name, seed=0)
    tensors, mean, std = fold_gray(three.network.state_dict(), one.stem, MEAN, STD)
    one.body.load_state_dict(tensors)
    one.mean.fill_(mean)
    one.std.fill_(std)
    return {"three channels": three, "one channel": one}


def measure(name: str, images: Tensor, rounds: int, *, bf16: bool) -> dict[str, Any]:
    """Milliseconds a batch in both ways, and how far their features are from each other."""
    networks = pair(name)
    for network in networks.values():
        network.to(images.device).to(memory_format=torch.channels_last).eval()
    with torch.no_grad():
        three, one = (network(images.float() / 255) for network in networks.values())
    found: dict[str, Any] = {"encoder": name, "largest_difference": float((three - one).abs().max() / three.std())}
    for work, step in (("features", features), ("training", training)):
        times: dict[str, list[float]] = {way: [] for way in networks}
        for turn in range(UNCOUNTED + rounds):
            for way, network in networks.items():
                seconds = timed(step, network, images, bf16=bf16)
                if turn >= UNCOUNTED:
                    times[way].append(seconds)
        found[work] = {way: statistics.median(seconds) for way, seconds in times.items()}
    return found


def features(network: nn.Module, images: Tensor) -> None:
    with torch.no_grad():
        network.eval()(images)


def training(network: nn.Module, images: Tensor) -> None:
    network.zero_grad()
    network.train()(images).float().square().mean().backward()


def timed(step: Callable[[nn.Module, Tensor], None], network: nn.Module, images: Tensor, *, bf16: bool) -> float:
    started = time.perf_counter()
    with torch.autocast(images.device.type, torch.bfloat16, enabled=bf16):
        step(network, (images.float() / 255).contiguous(memory_format=torch.channels_last))
    if images.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def report(found: list[dict[str, Any]], images: Tensor, *, bf16: bool) -> None:
    precision = "bf16" if bf16 else "float32"
    print(f"{len(images)} images of {SIZE} px, {images.device.type}, {torch.get_num_threads()} threads, {precision}")
    three, one = images.numel() * 12 / 1e6, images.numel() * 4 / 1e6
    print(f"float pixels of a batch: {three:.1f} MB in three channels, {one:.1f} in one")
    print(f"\n{'encoder':24} {'work':10} {'three, ms':>10} {'one, ms':>10} {'saved':>8}")
    for row in found:
        for work in ("features", "training"):
            three, one = row[work].values()
            print(f"{row['encoder']:24} {work:10} {three * 1e3:10.1f} {one * 1e3:10.1f} {1 - one / three:8.1%}")
        print(f"{'':24} features differ by {row['largest_difference']:.1e} of their standard deviation at most")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--encoders", nargs="+", default=list(ENCODERS))
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    device = choose_device()
    bf16 = choose_precision("auto", device) == "bf16"
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (arguments.batch, 1, SIZE, SIZE), dtype=torch.uint8, generator=generator).to(device)
    found = [measure(name, images, arguments.rounds, bf16=bf16) for name in arguments.encoders]
    report(found, images, bf16=bf16)
    if arguments.out:
        write_json(arguments.out, found)


if __name__ == "__main__":
    main()
