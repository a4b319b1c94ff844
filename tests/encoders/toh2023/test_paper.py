"""Layer groups as read from the authors' code and the paper's Table 1: Toh et al. (2023)."""

import pytest
import torch

from hilum.encoders.catalogue import ARCHITECTURES
from hilum.encoders.toh2023 import PAPER_FORMS, paper_groups, paper_network
from hilum.encoders.zoo import FAMILIES, count_parameters, create_encoder

GROUPS = {
    "toh2023_cnn": [448, *[2_352] * 6, 4_060, 406],
    "toh2023_resnet": [7_200, 83_520, 296_352, 1_182_528, 4_724_352, 5_390],
    "toh2023_densenet": [
        7_152, 116_640, 10_656, 289_728, 35_376, 824_064, 134_160, 709_776, 1_092, 7_658
    ],
    "toh2023_unet_encoder": [38_976, 221_952, 886_272, 3_542_016, 14_161_920, 2_098_688, 179_214],
    "toh2023_xvt": [113_472, *[451_200] * 6, 384, 2_702],
}  # fmt: skip
TOTALS = {
    "toh2023_cnn": 19_026,
    "toh2023_resnet": 6_299_342,
    "toh2023_densenet": 2_136_302,
    "toh2023_unet_encoder": 21_129_038,
    "toh2023_xvt": 2_823_758,
    "densenet121": 7_051_854,
}


@pytest.mark.parametrize("name", GROUPS)
def test_every_layer_group_has_the_parameters_of_the_paper(name):
    assert list(paper_groups(name).values()) == GROUPS[name]


@pytest.mark.parametrize("name", PAPER_FORMS)
def test_groups_add_up_to_the_papers_total_which_the_catalogue_knows(name):
    assert sum(paper_groups(name).values()) == TOTALS[name] == ARCHITECTURES[name].published


def test_chexnet_reaches_its_published_count_with_running_means_and_variances_only():
    with torch.device("meta"):
        network = paper_network("densenet121")
    assert count_parameters(network) == 6_968_206
    assert paper_groups("densenet121")["running means and variances"] == 7_051_854 - 6_968_206 == 83_648


@pytest.mark.parametrize("name", GROUPS)
def test_an_image_of_224_px_in_three_channels_becomes_14_logits(name):
    with torch.device("meta"):
        network = paper_network(name)
        last = network["body"](torch.zeros(2, 3, 224, 224))
    pooling = FAMILIES[ARCHITECTURES[name].family].pooling
    places = last.flatten(2) if last.ndim == 4 else last.transpose(1, 2)
    features = places.flatten(1) if pooling == "flatten" else places.mean(2)
    assert network["classifier"](features).shape == (2, 14)


@pytest.mark.parametrize("name", GROUPS)
def test_the_encoder_is_the_papers_body_with_one_channel(name):
    with torch.device("meta"):
        paper, encoder = paper_network(name)["body"], create_encoder(name, seed=0)
    theirs, ours = paper.state_dict(), encoder.body.state_dict()
    assert list(theirs) == list(ours)
    differing = [key for key in theirs if theirs[key].shape != ours[key].shape]
    assert differing == [f"{encoder.stem.convolution}.weight"]
