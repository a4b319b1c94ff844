import torch
import torch.nn.functional as F

from hilum.encoders.toh2023 import ResidualPooling, SmallCNN


@torch.no_grad()
def test_a_block_of_the_cnn_adds_its_input_behind_the_relu_and_then_halves(batch_normed, unlike_its_start, drawn):
    block, maps = unlike_its_start(ResidualPooling()), drawn(2, 16, 7, 7)
    branch = batch_normed(F.conv2d(maps, block.conv.weight, block.conv.bias, padding=1), block.norm).clamp(min=0)
    torch.testing.assert_close(block(maps), F.max_pool2d(branch + maps, 2))


@torch.no_grad()
def test_the_cnn_walks_224_222_111_55_27_13_6_3():
    body, sides = SmallCNN(1).eval(), []
    maps = body.stem(torch.zeros(1, 1, 224, 224))
    for block in body.blocks:
        sides.append(maps.shape[-1])
        maps = block(maps)
    assert [*sides, maps.shape[-1]] == [222, 111, 55, 27, 13, 6, 3]
