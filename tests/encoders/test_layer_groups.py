import pytest

from hilum.encoders.freezing import describe_encoder, layer_groups
from hilum.encoders.zoo import ENCODERS


@pytest.mark.parametrize("name", ENCODERS)
def test_groups_add_up_to_the_encoder(name, weightless):
    encoder = weightless(name)
    assert sum(layer_groups(encoder).values()) == encoder.architecture.parameters


def test_a_description_has_both_counts_where_a_paper_has_its_own():
    small, plain = describe_encoder("toh2023_cnn"), describe_encoder("resnet18")
    assert small["groups"]["stem"] == 160
    assert small["published"]["groups"]["stem"] == 448
    assert (small["published"]["count"], small["grid"]) == (19_026, (3, 3))
    assert plain["published"] is None
