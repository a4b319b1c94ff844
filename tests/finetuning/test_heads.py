import pytest
import torch
from torch import nn

from hilum.finetuning.heads import make_head


def layers(head):
    return [type(layer).__name__ for layer in head]


def test_linear_is_one_layer():
    head = make_head("linear", 7, 3, dropout=0.5)
    assert isinstance(head, nn.Linear)
    assert (head.in_features, head.out_features) == (7, 3)


def test_mlp_has_the_layers_of_elwirehardja_behind_the_first_dropout():
    head = make_head("mlp", 320, 15, dropout=0.4)
    assert layers(head) == ["Linear", "ReLU", "Dropout", "Linear"]
    assert [head[0].weight.shape, head[3].weight.shape] == [(128, 320), (15, 128)]
    assert head[2].p == 0.4


def test_two_layers_have_a_dropout_each_and_the_logits_behind_them():
    head = make_head("two_layers", 2048, 1, dropout=0.3)
    assert layers(head) == ["Linear", "ReLU", "Dropout", "Linear", "ReLU", "Linear"]
    assert [layer.weight.shape for layer in head if isinstance(layer, nn.Linear)] == [(512, 2048), (128, 512), (1, 128)]
    assert head[2].p == 0.3


@pytest.mark.parametrize("name", ["mlp", "two_layers"])
def test_inside_dropout_acts_in_training_only(name):
    head = make_head(name, 4, 2, dropout=0.5)
    features = torch.rand(3, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(head.eval()(features), head(features))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        assert not torch.equal(head.train()(features), head.eval()(features))
