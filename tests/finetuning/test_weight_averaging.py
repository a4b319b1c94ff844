import copy

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from hilum.data.batches import Batch
from hilum.draws import image_keys
from hilum.encoders.freezing import freeze_all_but_last
from hilum.encoders.zoo import create_encoder
from hilum.finetuning.classifier import Classifier
from hilum.finetuning.weight_averaging import Averaged, copy_for_averaging


def make(unfreeze="all"):
    encoder = create_encoder("resnet18", seed=0)
    freeze_all_but_last(encoder, unfreeze)
    return Classifier(encoder, 2, size=32)


def test_the_average_is_that_of_torch():
    classifier = make()
    averaged = Averaged(classifier, copy_for_averaging(classifier), 0.9)
    torch_own = AveragedModel(copy.deepcopy(classifier), multi_avg_fn=get_ema_multi_avg_fn(0.9))
    generator = torch.Generator().manual_seed(0)
    for _ in range(4):
        with torch.no_grad():
            for parameter in classifier.parameters():
                parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
            classifier.encoder.body.bn1.running_mean += 1.0
        averaged.after_step()
        torch_own.update_parameters(classifier)
    for own, expected in zip(averaged.exported.parameters(), torch_own.module.parameters(), strict=True):
        torch.testing.assert_close(own, expected, rtol=1e-5, atol=1e-6)
    assert torch.equal(averaged.exported.encoder.body.bn1.running_mean, classifier.encoder.body.bn1.running_mean)


def test_what_is_frozen_is_shared_and_what_trains_is_not():
    classifier = make(unfreeze=1)
    averaged = copy_for_averaging(classifier)
    for own, other in zip(classifier.parameters(), averaged.parameters(), strict=True):
        assert (own is other) == (not own.requires_grad)


def test_the_average_is_what_is_validated():
    classifier = make(unfreeze=0).eval()
    averaged = Averaged(classifier, copy_for_averaging(classifier), 0.5).eval()
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 255, (4, 1, 32, 32), dtype=np.uint8))
    targets = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
    batch = Batch(images, image_keys("abcd"), np.arange(4), targets)
    with torch.no_grad():
        before = averaged.validation_loss(batch)[0]
        classifier.head.weight += 1.0
        assert torch.equal(averaged.validation_loss(batch)[0], before)
        assert not torch.equal(classifier.validation_loss(batch)[0], before)
