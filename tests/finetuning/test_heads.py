import pytest
import torch
from torch import nn

from hilum.encoders.zoo import count_parameters, create_encoder
from hilum.errors import HilumError
from hilum.finetuning.classifier import Classifier
from hilum.finetuning.heads import HeadPerFinding, make_head
from hilum.finetuning.pooling import AttentionPerFinding


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


def test_the_cnn_of_toh_has_as_many_parameters_as_the_paper_prints():
    """19,026 with three channels in: the encoder of one has 2 x 16 x 3 x 3 fewer weights in its first convolution."""
    encoder = create_encoder("toh2023_cnn", seed=0)
    classifier = Classifier(encoder, 14, size=224, head="own")
    assert [type(layer).__name__ for layer in classifier.head] == ["Linear", "ReLU", "Linear"]
    assert [(layer.in_features, layer.out_features) for layer in classifier.head if hasattr(layer, "in_features")] == [
        (144, 28), (28, 14),
    ]  # fmt: skip
    assert count_parameters(classifier) + 2 * 16 * 9 == 19_026


def test_every_finding_attends_by_itself():
    """Query, key and value of each finding, written out; and the gradient of one finding leaves the others alone."""
    encoder = create_encoder("toh2023_xvt", seed=0)
    pooling, head = AttentionPerFinding(encoder, 3), HeadPerFinding(encoder.token_width, 3, 1)
    tokens = torch.randn(2, 5 + encoder.prefix_tokens, encoder.token_width, generator=torch.Generator().manual_seed(0))
    logits = head(pooling(tokens).flatten(1))
    places = tokens[:, encoder.prefix_tokens :]
    for image in range(2):
        for finding in range(3):
            keys, values = places[image] @ pooling.key.weight.T, pooling.value(places[image])
            weights = (keys @ pooling.queries[finding] / encoder.token_width**0.5).softmax(0)
            expected = (weights @ values) @ head.weight[finding, 0] + head.bias[finding, 0]
            torch.testing.assert_close(logits[image, finding], expected, rtol=1e-4, atol=1e-5)
    logits[:, 1].sum().backward()
    assert not pooling.queries.grad[[0, 2]].any()
    assert pooling.queries.grad[1].any()


def test_an_architecture_without_a_head_of_its_own_is_refused():
    with pytest.raises(HilumError, match="found own with resnet18"):
        make_head("own", 512, 3, dropout=0.0, encoder="resnet18")
