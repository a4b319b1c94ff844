"""Pooling of encoder tokens to one feature, as an alternative to the encoder's own pooling."""

import math

import torch
from torch import Tensor, nn

from hilum.encoders.zoo import Encoder
from hilum.errors import HilumError
from hilum.finetuning.settings import OF_LAST_BLOCKS, PoolingName

GEM_START = 3.0
GEM_FLOOR = 1e-6


class Pooling(nn.Module):
    """Base class of poolings: tokens to parts of a feature, each as wide as a token.

    Args:
        encoder: Encoder of the tokens; it is not stored.
    """

    parts = 1
    blocks = 1
    """Number of last blocks it reads; with several the input is (B, blocks, prefix + places, width)."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.prefix_tokens = encoder.prefix_tokens

    def forward(self, tokens: Tensor) -> Tensor:
        """Pool (B, prefix + places, width) float32 to (B, parts, width)."""
        raise NotImplementedError


class ClassToken(Pooling):
    """Class token."""

    def forward(self, tokens: Tensor) -> Tensor:
        """Pool (B, prefix + places, width) to (B, 1, width)."""
        return tokens[:, :1]


class Mean(Pooling):
    """Mean over places, without class token and registers."""

    def forward(self, tokens: Tensor) -> Tensor:
        """Pool (B, prefix + places, width) to (B, 1, width)."""
        return tokens[:, self.prefix_tokens :].mean(1, keepdim=True)


class ClassTokenAndMean(Pooling):
    """Class token and mean over places, concatenated (linear probes of DINOv2; Oquab et al., TMLR 2024)."""

    parts = 2

    def forward(self, tokens: Tensor) -> Tensor:
        """Pool (B, prefix + places, width) to (B, 2, width)."""
        return torch.stack([tokens[:, 0], tokens[:, self.prefix_tokens :].mean(1)], dim=1)


class ClassTokensOfLastBlocks(Pooling):
    """Class tokens of the last four blocks, concatenated (linear probes of DINOv2; Oquab et al., TMLR 2024)."""

    parts = blocks = 4

    def forward(self, tokens: Tensor) -> Tensor:
        """Pool (B, 4, prefix + places, width) to (B, 4, width)."""
        return tokens[:, :, 0]


class ClassTokensOfLastBlocksAndMean(Pooling):
    """Class tokens of the last four blocks and mean over places of the last block (linear probes of DINOv2)."""

    parts, blocks = 5, 4

    def forward(self, tokens: Tensor) -> Tensor:
        """Pool (B, 4, prefix + places, width) to (B, 5, width)."""
        return torch.cat([tokens[:, :, 0], tokens[:, -1:, self.prefix_tokens :].mean(2)], dim=1)


class GeneralisedMean(Pooling):
    """Generalised mean (GeM): p-th root of the mean of p-th powers over places, with learned p.

    Between mean (p = 1) and maximum (p → ∞). Radenović et al., "Fine-tuning CNN image retrieval with no human
    annotation", TPAMI 2019, eq. 3, with one p that starts at 3. For non-negative features, as after a ReLU; others are
    clipped to 10^-6.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__(encoder)
        self.power = nn.Parameter(torch.tensor(GEM_START))

    def forward(self, tokens: Tensor) -> Tensor:
        """Pool (B, prefix + places, width) to (B, 1, width)."""
        logs = tokens[:, self.prefix_tokens :].clamp(min=GEM_FLOOR).log()  # powers themselves would overflow
        mean = (self.power * logs).logsumexp(1, keepdim=True) - math.log(logs.shape[1])
        return (mean / self.power).exp()


class Attention(Pooling):
    """Attention pooling with one learned query: softmax(q · K x / √width) of V x, over places.

    Lee et al., "Set transformer", ICML 2019, §3.2 (pooling by multihead attention with one seed), with one head and
    without their feed-forward layers; known as an attentive probe.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__(encoder)
        self.query = nn.Parameter(torch.randn(encoder.token_width) * encoder.token_width**-0.5)
        self.key = nn.Linear(encoder.token_width, encoder.token_width, bias=False)
        self.value = nn.Linear(encoder.token_width, encoder.token_width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Pool (B, prefix + places, width) to (B, 1, width)."""
        places = tokens[:, self.prefix_tokens :]
        scores = self.key(places) @ self.query / len(self.query) ** 0.5
        pooled: Tensor = scores.softmax(1)[:, None] @ self.value(places)
        return pooled


class AttentionPerFinding(Pooling):
    """`Attention` with one query, and so one feature, for each finding.

    Args:
        encoder: Encoder of the tokens.
        findings: Number of findings.
    """

    def __init__(self, encoder: Encoder, findings: int) -> None:
        super().__init__(encoder)
        width = encoder.token_width
        self.parts = findings
        self.queries = nn.Parameter(torch.randn(findings, width) * width**-0.5)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Pool (B, prefix + places, width) to (B, findings, width)."""
        places = tokens[:, self.prefix_tokens :]
        scores = self.key(places) @ self.queries.T / self.queries.shape[1] ** 0.5
        pooled: Tensor = scores.softmax(1).transpose(1, 2) @ self.value(places)
        return pooled


_POOLINGS: dict[str, type[Pooling]] = {
    "cls": ClassToken,
    "mean": Mean,
    "cls_mean": ClassTokenAndMean,
    "cls_last4": ClassTokensOfLastBlocks,
    "cls_last4_mean": ClassTokensOfLastBlocksAndMean,
    "gem": GeneralisedMean,
    "attention": Attention,
}


def make_pooling(name: PoolingName, encoder: Encoder) -> Pooling | None:
    """Make a pooling of an encoder's tokens; None for "own", the pooling of the encoder.

    Weights are drawn from torch's random generator.

    Raises:
        HilumError: The pooling needs a class token, and the encoder has none; or the pooling reads several blocks, and
            the encoder is not a vision transformer with class-token pooling.
    """
    if name in OF_LAST_BLOCKS and encoder.family.pooling != "cls":
        raise HilumError(
            "finetune.pooling",
            expected="a vision transformer whose feature is its class token",
            found=f"{name} with {encoder.name}",
            fix="Use own, mean, gem or attention.",
        )
    if name in ("cls", "cls_mean") and not encoder.has_class_token:
        raise HilumError(
            "finetune.pooling",
            expected="an encoder with a class token",
            found=f"{name} with {encoder.name}, which has none",
            fix="Use own, mean, gem or attention.",
        )
    return None if name == "own" else _POOLINGS[name](encoder)
