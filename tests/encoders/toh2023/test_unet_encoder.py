import torch
import torch.nn.functional as F

from hilum.encoders.toh2023 import UnetEncoder, cells


def test_the_unet_encoder_walks_224_220_106_49_20_6_5():
    with torch.device("meta"):
        body = UnetEncoder(1).eval()
        maps, sides = torch.zeros(1, 1, 224, 224), []
        for block in body.blocks:
            maps = block(maps)
            sides.append(maps.shape[-1])
            last, maps = maps, body.pool(maps)
        assert sides == [220, 106, 49, 20, 6]
        assert body.bottleneck(last).shape == (1, 512, 5, 5)
        assert body(torch.zeros(1, 1, 224, 224)).shape == (1, 512, 5, 5)
    assert cells(224) == 5


@torch.no_grad()
def test_a_block_of_the_unet_encoder_norms_behind_the_relu(batch_normed, unlike_its_start, drawn):
    body = UnetEncoder(1)
    first = unlike_its_start(body.blocks[0])
    image = drawn(1, 1, 12, 12)
    maps = batch_normed(F.conv2d(image, first[0].weight, first[0].bias).clamp(min=0), first[2])
    expected = batch_normed(F.conv2d(maps, first[4].weight, first[4].bias).clamp(min=0), first[6])
    torch.testing.assert_close(first(image), expected, atol=1e-4, rtol=1e-5)
