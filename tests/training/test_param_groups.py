import pytest
from torch import nn

from hilum.encoders.zoo import create_encoder
from hilum.finetuning.classifier import Classifier
from hilum.training.optim import create_optimizer
from hilum.training.settings import TrainingSettings
from hilum.training.trainable import Trainable


class WithHead(Trainable):
    def __init__(self, name):
        super().__init__()
        self.encoder = create_encoder(name, seed=0)
        self.head = nn.Linear(self.encoder.feature_width, 3)


def rates(optimizer):
    """Learning rate of every parameter by its identity."""
    return {id(each): group["lr"] for group in optimizer.param_groups for each in group["params"]}


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "resnet18", "convnextv2_atto"])
def test_blocks_nearer_to_the_image_learn_more_slowly(name):
    """BEiT's rule: of n blocks, block i has lr · d^(n + 1 - i), the stem d^(n + 1), the head all of it."""
    trainable = WithHead(name)
    found = rates(create_optimizer(trainable, TrainingSettings(epochs=1, lr=0.1, layer_decay=0.8, weight_decay=0.05)))
    blocks = trainable.encoder.blocks
    for place, block in enumerate(blocks):
        for parameter in block.parameters():
            assert found[id(parameter)] == pytest.approx(0.1 * 0.8 ** (len(blocks) - place))
    assert found[id(trainable.head.weight)] == found[id(trainable.head.bias)] == 0.1
    assert len(found) == len(list(trainable.parameters()))


def test_without_layer_decay_there_are_two_groups():
    groups = create_optimizer(WithHead("resnet18"), TrainingSettings(epochs=1, lr=0.1, weight_decay=0.05)).param_groups
    assert [(group["weight_decay"], group["lr"]) for group in groups] == [(0.05, 0.1), (0.0, 0.1)]


def test_a_classifiers_head_keeps_its_own_rate_and_frozen_blocks_have_none():
    classifier = Classifier(create_encoder("resnet18", seed=0), 2, size=32, head_lr=0.5)
    classifier.encoder.blocks[0].requires_grad_(False)
    found = rates(create_optimizer(classifier, TrainingSettings(epochs=1, lr=0.1, layer_decay=0.5)))
    assert found[id(classifier.head.weight)] == 0.5
    assert found[id(next(classifier.encoder.blocks[-1].parameters()))] == pytest.approx(0.05)
    assert not any(id(parameter) in found for parameter in classifier.encoder.blocks[0].parameters())
