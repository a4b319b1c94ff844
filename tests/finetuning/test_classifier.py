import numpy as np
import pytest
import torch

from hilum.augment import AUGMENTATIONS, plain_view, random_views
from hilum.data.batches import Batch
from hilum.draws import image_keys
from hilum.encoders.freezing import freeze_all_but_last
from hilum.encoders.zoo import create_encoder
from hilum.errors import HilumError
from hilum.finetuning.classifier import Classifier, HeadOnFeatures
from hilum.finetuning.losses import masked_bce
from hilum.training.settings import TrainingSettings

SETTINGS = TrainingSettings(epochs=1, lr=0.1, weight_decay=0.2)


@pytest.fixture
def batch(store, images):
    labelled = images(0, 6)
    rows = np.arange(6)
    views = torch.from_numpy(store.pixels[:6]).unsqueeze(1)
    return Batch(views, image_keys(labelled.image_ids), rows, torch.from_numpy(labelled.targets))


def make(**changes):
    return Classifier(create_encoder("resnet18", seed=0), 2, **({"size": 32} | changes))


def test_training_sees_random_views_of_the_epoch_and_validation_plain_ones(batch):
    weights = torch.tensor([2.0, 3.0])
    classifier = make(augmentation=AUGMENTATIONS["finetune"], seed=4, positive_weights=weights).eval()
    views = random_views(batch.images, batch.keys, AUGMENTATIONS["finetune"], 32, seed=4, epoch=7, view=0)
    sum_of_labels, labels = masked_bce(classifier(views), batch.targets, weights)
    expected = sum_of_labels / labels
    torch.testing.assert_close(classifier.training_loss(batch, 7), expected)
    assert classifier.training_loss(batch, 8) != expected
    total, known = classifier.validation_loss(batch)
    torch.testing.assert_close(total, masked_bce(classifier(plain_view(batch.images, 32)), batch.targets, weights)[0])
    assert known == 11  # of twelve labels one is unknown


def test_logits_are_float32_under_autocast():
    classifier = make().eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert classifier(torch.rand(2, 1, 32, 32)).dtype == torch.float32


def test_the_head_may_learn_at_another_rate_and_has_no_decay_on_its_bias():
    classifier = make(head_lr=0.5)
    groups = classifier.parameter_groups(SETTINGS)
    of = {id(parameter): group for group in groups for parameter in group["params"]}
    assert len(of) == len(list(classifier.parameters()))
    assert (of[id(classifier.head.weight)]["lr"], of[id(classifier.head.weight)]["weight_decay"]) == (0.5, 0.2)
    assert (of[id(classifier.head.bias)]["lr"], of[id(classifier.head.bias)]["weight_decay"]) == (0.5, 0.0)
    assert "lr" not in of[id(classifier.encoder.body.conv1.weight)]


def test_a_head_on_features_costs_what_the_classifier_costs(batch):
    classifier = make(positive_weights=torch.tensor([2.0, 3.0]))
    freeze_all_but_last(classifier.encoder, 0)
    classifier.train()
    features = classifier.encoder(plain_view(batch.images, 32))
    shuffled = Batch(batch.images.flip(0), batch.keys[::-1].copy(), batch.rows[::-1].copy(), batch.targets.flip(0))
    head = HeadOnFeatures(classifier, train=features, val=features)
    torch.testing.assert_close(head.training_loss(shuffled, 0), classifier.training_loss(batch, 0))
    assert head.validation_loss(shuffled)[1] == classifier.validation_loss(batch)[1]
    torch.testing.assert_close(head.validation_loss(shuffled)[0], classifier.validation_loss(batch)[0])
    assert {id(p) for group in head.parameter_groups(SETTINGS) for p in group["params"]} == {
        id(classifier.head.weight), id(classifier.head.bias),
    }  # fmt: skip


def test_the_head_depends_on_the_seed_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first, again, other = make(seed=1), make(seed=1), make(seed=2)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.head.weight, again.head.weight)
    assert not torch.equal(first.head.weight, other.head.weight)


def test_a_batch_without_targets_is_refused(batch):
    with pytest.raises(HilumError, match="batch: expected targets; found none"):
        make().validation_loss(Batch(batch.images, batch.keys, batch.rows, None))


@pytest.mark.parametrize("name", ["convnextv2_atto", "toh2023_resnet", "eva_x_tiny_patch16"])
def test_the_mean_over_places_is_the_own_pooling_of_encoders_that_take_it_norm_and_all(name):
    encoder = create_encoder(name, seed=0).eval()
    views = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    classifier = Classifier(encoder, 2, size=64, pooling="mean").eval()
    torch.testing.assert_close(classifier.features(views), encoder(views), atol=1e-5, rtol=1e-5)


def test_class_token_and_mean_make_a_feature_twice_as_wide_in_float32_also_under_autocast():
    classifier = Classifier(create_encoder("vit_tiny_patch16_224", seed=0), 3, size=32, pooling="cls_mean").eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        features = classifier.features(torch.rand(2, 1, 32, 32))
        assert (features.shape, features.dtype) == ((2, 384), torch.float32)
        assert classifier.score(features).shape == (2, 3)


def test_places_side_by_side_have_another_width_than_one_place():
    with torch.device("meta"):
        classifier = Classifier(create_encoder("toh2023_cnn", seed=0), 2, size=224, pooling="mean")
    assert classifier.head.in_features == 16


def test_a_pooling_that_learns_does_so_at_the_heads_rate_and_its_features_are_not_fixed():
    classifier = make(pooling="gem", head="mlp", head_lr=0.5)
    freeze_all_but_last(classifier.encoder, 0)
    groups = classifier.parameter_groups(SETTINGS)
    of = {id(parameter): group for group in groups for parameter in group["params"]}
    assert len(of) == len([parameter for parameter in classifier.parameters() if parameter.requires_grad]) == 5
    assert (of[id(classifier.pooling.power)]["lr"], of[id(classifier.pooling.power)]["weight_decay"]) == (0.5, 0.0)
    assert not classifier.features_are_fixed


@pytest.mark.parametrize("changes", [{"pooling": "mean"}, {"head": "two_layers"}, {}])
def test_features_of_a_frozen_encoder_are_fixed(changes):
    classifier = make(**changes)
    assert not classifier.features_are_fixed
    freeze_all_but_last(classifier.encoder, 0)
    assert classifier.features_are_fixed


def test_the_dropout_is_before_the_head_and_inside_it():
    classifier = make(head="mlp", dropout=0.4)
    assert [module.p for module in classifier.modules() if isinstance(module, torch.nn.Dropout)] == [0.4, 0.4]


def test_a_third_class_is_trained_on_and_left_out_of_the_score():
    classifier = make(output_type="multilabel_u_multiclass").eval()
    features = torch.randn(4, classifier.encoder.feature_width, generator=torch.Generator().manual_seed(0))
    outputs = classifier.head(features).reshape(4, 2, 3)
    assert torch.allclose(classifier.score(features), outputs[..., 1] - outputs[..., 0])
    targets = torch.tensor([[0.0, 1.0], [2.0, 2.0], [1.0, float("nan")], [0.0, 0.0]])
    total, known = classifier.label_loss(features, targets)
    chosen = [(0, 0, 0), (0, 1, 1), (1, 0, 2), (1, 1, 2), (2, 0, 1), (3, 0, 0), (3, 1, 0)]
    expected = -sum(outputs[image, finding].log_softmax(0)[wanted] for image, finding, wanted in chosen)
    assert known == 7
    torch.testing.assert_close(total, expected)
