import torch

from hilum.encoders.toh2023 import small_densenet


def test_growth_bottlenecks_and_compression_are_the_papers():
    with torch.device("meta"):
        features = small_densenet(3).features
    assert features.conv0.weight.shape == (48, 3, 7, 7)
    assert [len(getattr(features, f"denseblock{n}")) for n in (1, 2, 3, 4)] == [4, 8, 16, 12]
    last = features.denseblock4.denselayer12
    assert last.conv1.weight.shape == (96, 258 + 11 * 24, 1, 1)
    assert last.conv2.weight.shape == (24, 96, 3, 3)
    narrowed = [getattr(features, f"transition{n}").conv.weight.shape[:2] for n in (1, 2, 3)]
    assert narrowed == [(72, 144), (132, 264), (258, 516)]
    assert not any(key.endswith("conv1.bias") or key.endswith("conv2.bias") for key in features.state_dict())
