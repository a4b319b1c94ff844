import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hilum.augment import plain_view
from hilum.data.labelled_images import LabelledImages
from hilum.encoders.probe import mean_auroc
from hilum.encoders.zoo import create_encoder
from hilum.pretext.monitoring import OnlineProbe, epochs_between, probed_images
from hilum.pretext.monitoring.probe import error_over_patients


@pytest.fixture
def probe(store_of):
    """80 images of noise, brighter where they are positive; 50 to fit and 30 to score, the first row unlabelled."""
    rng = np.random.default_rng(0)
    targets = (rng.random((80, 2)) < 0.5).astype(np.float32)
    pixels = rng.integers(0, 200, (80, 32, 32)) + 12 * targets[:, 0, None, None]
    store = store_of(pixels.astype(np.uint8))
    targets[0] = np.nan
    patients = [f"patient {row}" for row in range(80)]
    parts = [
        LabelledImages(store.image_ids[part], patients[part], targets[part]) for part in (slice(0, 50), slice(50, 80))
    ]
    return OnlineProbe(store, probed_images(["Mass", "Nodule"], *parts, seed=0))


def test_both_probes_are_those_of_scikit_learn_on_features_of_plain_views(probe):
    """The nearest-neighbour votes are close to, but not, those of scikit-learn: the weight falls with the cosine."""
    encoder = create_encoder("resnet18", seed=0).eval()
    with torch.no_grad():
        features = encoder(plain_view(torch.from_numpy(probe.store.pixels)[:, None], 32)).numpy()
    train, val = probe.images.train.targets, probe.images.val.targets
    linear, near = [], []
    for finding in range(2):
        labels, truth = train[1:, finding], val[:, finding]
        regression = make_pipeline(StandardScaler(), LogisticRegression(C=1e-2, max_iter=500))
        # the scaler sees the image without a label, too
        regression[0].fit(features[:50])
        regression[1].fit(regression[0].transform(features[1:50]), labels)
        linear.append(roc_auc_score(truth, regression.predict_proba(features[50:])[:, 1]))

        def weights(distances):  # squared distance of directions is twice one less their cosine
            return np.exp(-(distances**2) / 2 / 0.07)

        unit = features / np.linalg.norm(features, axis=1, keepdims=True)
        # twenty neighbours, of which the image without a label is one for some
        voters = KNeighborsClassifier(20, weights=weights).fit(unit[1:50], labels)
        near.append(roc_auc_score(truth, voters.predict_proba(unit[50:])[:, 1]))
    seen = probe.compute(encoder, 32)
    assert seen["probe_linear"] == pytest.approx(np.mean(linear), abs=1e-6)
    assert seen["probe_neighbours"] == pytest.approx(np.mean(near), abs=0.03)
    assert seen["probe_auroc"] == pytest.approx((seen["probe_linear"] + seen["probe_neighbours"]) / 2)
    assert np.mean(linear) > 0.6  # so that there is something to read


def test_a_probe_leaves_the_encoder_and_torch_as_they_were(probe):
    encoder = create_encoder("resnet18", seed=0).train()
    encoder.body.layer1.eval()
    modes = [module.training for module in encoder.modules()]
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    generator = torch.get_rng_state()
    assert probe.compute(encoder, 32) == probe.compute(encoder, 32)
    assert [module.training for module in encoder.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    assert torch.equal(torch.get_rng_state(), generator)


def test_features_that_are_no_numbers_read_nothing(probe):
    encoder = create_encoder("resnet18", seed=0)
    torch.nn.init.constant_(next(encoder.parameters()), math.nan)
    assert all(math.isnan(value) for value in probe.compute(encoder, 32).values())


def test_the_run_goes_by_the_mean_and_chooses_only_where_it_is_asked_to_and_there_are_enough_patients(probe):
    probing = probe.probing(32, every=4)
    assert (probing.quality, probing.every, probing.keep) == ("probe_auroc", 4, "last")
    for decides, keep in ((True, "smoothed_probe"), (False, "last")):
        asked = replace(probe, images=replace(probe.images, decides=decides), keep="smoothed_probe")
        assert (asked.probing(32, every=4).keep, asked.chooses) == (keep, decides)
    assert set(probing.evaluate(create_encoder("resnet18", seed=0))) == set(probing.names)


@pytest.mark.parametrize(
    ("message", "epochs", "every"), [(None, 50, 5), (None, 7, 1), (None, 800, 80), (3, 50, 3), (0, 50, 0)]
)
def test_a_run_has_about_ten_probes_unless_given(message, epochs, every):
    assert epochs_between(message, epochs) == every


def test_the_error_of_a_probe_is_that_of_resampled_patients():
    """Against a bootstrap of patients, and three standard errors of its own."""
    rng = np.random.default_rng(3)
    patients, images = 80, 160
    owners = rng.integers(0, patients, images)
    targets = (rng.random((images, 3)) < 0.4).astype(np.float32)
    scores = [targets + rng.normal(size=(images, 3)) + rng.normal(size=(patients, 1))[owners] for _ in range(2)]
    error = error_over_patients(scores, targets, [str(owner) for owner in owners])
    resampled = []
    rows = [np.flatnonzero(owners == patient) for patient in range(patients)]
    for _ in range(300):
        drawn = np.concatenate([rows[patient] for patient in rng.integers(0, patients, patients)])
        resampled.append(np.mean([mean_auroc(each[drawn], targets[drawn]) for each in scores]))
    assert error == pytest.approx(np.std(resampled), rel=0.6)  # nine degrees of freedom
    assert math.isnan(error_over_patients(scores, targets, ["one"] * images))
