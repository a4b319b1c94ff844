"""What is known of each architecture without building it: enough to check a study file and to estimate its cost."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Architecture:
    """One encoder of the catalogue.

    Attributes:
        name: timm's name.
        blocks: how many blocks can be unfrozen one by one from the end; the stem is not among them.
        parameters: of the encoder with one input channel and without a head.
        gigaflops: multiply-adds x 2 of one forward pass at 224 x 224, in 10^9; grows with the number of pixels.
    """

    name: str
    blocks: int
    parameters: int
    gigaflops: float


ARCHITECTURES: dict[str, Architecture] = {
    architecture.name: architecture
    for architecture in (
        Architecture("resnet18", blocks=4, parameters=11_170_240, gigaflops=3.47),
        Architecture("resnet50", blocks=4, parameters=23_501_760, gigaflops=8.02),
    )
}
