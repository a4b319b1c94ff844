"""Small maps multiplied are the convolution but for rounding, where they are used and only there."""

import pytest
import torch
from torch import nn

from hilum.training.cpu import NARROWEST, Overlap, fraction_on_map, overlaps, small_convolutions_as_products

# length, kernel, stride, padding of rows and of columns alike
SMALL = {
    "one position": (1, 3, 1, 1),
    "2 x 2": (2, 3, 1, 1),
    "2 x 2 to 1": (2, 3, 2, 1),
    "3 x 3 to 2 x 2": (3, 3, 2, 1),
    "5 x 5 kernel": (2, 5, 1, 2),
    "window beside the map": (1, 2, 1, 2),
}
LARGE = {"3 x 3": (3, 3, 1, 1), "6 x 6": (6, 3, 2, 1), "whole": (3, 3, 1, 0)}


def convolution(kernel, stride, padding, *, dtype=torch.float32, width=NARROWEST, bias=False, **options):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Conv2d(width, width, kernel, stride, padding, dtype=dtype, bias=bias, **options)


def maps_of(side, *, dtype=torch.float32, layout=torch.contiguous_format, width=NARROWEST):
    drawn = torch.randn((4, width, *side), generator=torch.Generator().manual_seed(1), dtype=dtype)
    return drawn.contiguous(memory_format=layout).requires_grad_()


def output_and_gradients(layer, maps):
    """Of the sum of squares, which depends on every output."""
    layer.zero_grad()
    maps.grad = None
    output = layer(maps)
    output.float().square().sum().backward()
    return [output.detach(), maps.grad.clone(), *(each.grad.clone() for each in layer.parameters())]


def multiplied(output):
    return "_Product" in names_behind(output.grad_fn)


def names_behind(node):
    """Of the functions that made a value."""
    return " ".join([node.name(), *(names_behind(each) for each, _ in node.next_functions if each is not None)])


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("geometry", SMALL.values(), ids=SMALL)
def test_products_are_the_convolution(geometry, layout):
    side, *rest = geometry
    layer = convolution(*rest, dtype=torch.float64).to(memory_format=layout)
    maps = maps_of((side, side), dtype=torch.float64, layout=layout)
    expected = output_and_gradients(layer, maps)
    with small_convolutions_as_products(layer):
        assert multiplied(layer(maps))
        found = output_and_gradients(layer, maps)
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_rows_and_columns_may_differ():
    layer = convolution((3, 5), (2, 1), (1, 2), dtype=torch.float64)
    maps = maps_of((2, 3), dtype=torch.float64)
    expected = output_and_gradients(layer, maps)
    with small_convolutions_as_products(layer):
        assert multiplied(layer(maps))
        found = output_and_gradients(layer, maps)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_bf16_is_as_near_float32_as_the_convolution():
    layer, maps = convolution(3, 1, 1), maps_of((2, 2))
    exact = output_and_gradients(layer, maps)
    with torch.autocast("cpu", torch.bfloat16):
        convolved = output_and_gradients(layer, maps)
        with small_convolutions_as_products(layer):
            assert multiplied(layer(maps))
            found = output_and_gradients(layer, maps)
    assert found[0].dtype == torch.bfloat16
    for one, other, truth in zip(found, convolved, exact, strict=True):
        assert (one - truth).norm() < 1.2 * (other - truth).norm()
        assert (one - truth).norm() < 0.01 * truth.norm()


@pytest.mark.parametrize("geometry", LARGE.values(), ids=LARGE)
def test_larger_maps_are_convolved(geometry):
    side, *rest = geometry
    layer = convolution(*rest)
    with small_convolutions_as_products(layer):
        assert not multiplied(layer(maps_of((side, side))))


@pytest.mark.parametrize(
    "options",
    [{"groups": 2}, {"dilation": 2}, {"padding_mode": "reflect"}, {"bias": True}, {"width": NARROWEST - 1}],
    ids=str,
)
def test_other_convolutions_are_left(options):
    layer = convolution(3, 1, 1, **options)
    with small_convolutions_as_products(layer):
        assert "forward" not in vars(layer)


def test_evaluation_has_the_convolutions_bits():
    layer, maps = convolution(3, 1, 1).eval(), maps_of((2, 2))
    expected = layer(maps)
    with small_convolutions_as_products(layer):
        assert torch.equal(layer(maps), expected)


def test_one_map_without_a_batch_is_convolved():
    layer, maps = convolution(3, 1, 1), torch.ones(NARROWEST, 2, 2)
    expected = layer(maps)
    with small_convolutions_as_products(layer):
        assert torch.equal(layer(maps), expected)


def test_layers_are_as_before_afterwards_also_after_an_error():
    layer = convolution(3, 1, 1)
    with pytest.raises(ZeroDivisionError), small_convolutions_as_products(layer):
        raise ZeroDivisionError
    assert "forward" not in vars(layer)
    assert not multiplied(layer(maps_of((2, 2))))


def test_overlaps_by_hand():
    # windows start at -1 and 0 on two positions; at -1 and 1 on three
    assert overlaps(2, 3, 1, 1) == [Overlap(slice(0, 2), slice(1, 3)), Overlap(slice(0, 2), slice(0, 2))]
    assert overlaps(3, 3, 2, 1) == [Overlap(slice(0, 2), slice(1, 3)), Overlap(slice(1, 3), slice(0, 2))]
    assert overlaps(1, 2, 1, 2)[0] == Overlap(slice(0, 0), slice(2, 2))  # both taps before the map
    assert overlaps(1, 4, 1, 1) == []


@pytest.mark.parametrize(("geometry", "share"), [((1, 3, 1, 1), 1 / 3), ((2, 3, 1, 1), 4 / 6), ((3, 3, 1, 1), 7 / 9)])
def test_share_of_taps_on_the_map(geometry, share):
    assert fraction_on_map(overlaps(*geometry), geometry[1]) == pytest.approx(share)


def test_no_window_is_left_to_the_convolution_to_refuse():
    layer = convolution(4, 1, 1)
    with small_convolutions_as_products(layer), pytest.raises(RuntimeError, match="size"):
        layer(maps_of((1, 1)))
