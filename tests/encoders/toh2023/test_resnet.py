import torch
import torch.nn.functional as F

from hilum.encoders.toh2023 import ResidualBlock, SmallResNet


@torch.no_grad()
def test_a_block_of_the_resnet_has_a_relu_before_and_behind_the_addition(batch_normed, unlike_its_start, drawn):
    for block, maps in ((ResidualBlock(4, 4), drawn(2, 4, 8, 8)), (ResidualBlock(4, 6), drawn(2, 4, 8, 8))):
        unlike_its_start(block)
        stride = 1 if block.conv1.in_channels == block.conv1.out_channels else 2
        branch = F.conv2d(maps, block.conv1.weight, block.conv1.bias, stride=stride, padding=1)
        branch = batch_normed(branch, block.bn1).clamp(min=0)
        branch = batch_normed(F.conv2d(branch, block.conv2.weight, block.conv2.bias, padding=1), block.bn2).clamp(min=0)
        shortcut = maps
        if stride == 2:
            convolution, norm = block.shortcut
            shortcut = batch_normed(F.conv2d(maps, convolution.weight, convolution.bias, stride=2), norm)
        torch.testing.assert_close(block(maps), (branch + shortcut).clamp(min=0))


@torch.no_grad()
def test_the_stem_of_the_resnet_takes_the_maximum_before_the_norm(batch_normed, unlike_its_start, drawn):
    body = unlike_its_start(SmallResNet(1))
    convolution, _, norm, _ = body.stem
    images = drawn(1, 1, 32, 32)
    maps = F.conv2d(images, convolution.weight, convolution.bias, stride=2, padding=3)
    expected = batch_normed(F.max_pool2d(maps, 3, stride=2, padding=1), norm).clamp(min=0)
    torch.testing.assert_close(body.stem(images), expected)
