from copy import deepcopy
from functools import cache

import pytest
import torch
from torch import nn

from hilum.encoders.zoo import create_encoder
from hilum.finetuning.classifier import Classifier


@pytest.fixture(scope="session")
def encoder_of():
    return cache(lambda name: create_encoder(name, seed=0))


@pytest.fixture
def classifier_of(encoder_of):
    """A classifier of two findings on a random encoder, whose zero-initialised parts are woken up."""

    def make(name, size, **further):
        classifier = Classifier(deepcopy(encoder_of(name)), 2, size=size, **further).eval()
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for module in classifier.modules():
                if isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
                    module.weight.copy_(torch.rand(module.weight.shape, generator=generator) + 0.5)
            for parameter in classifier.parameters():
                if parameter.abs().max() == 0:
                    parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
        return classifier

    return make


@pytest.fixture
def images_of():
    """Random views (count, 1, size, size)."""

    def make(size, count=2):
        return torch.rand(count, 1, size, size, generator=torch.Generator().manual_seed(2))

    return make
