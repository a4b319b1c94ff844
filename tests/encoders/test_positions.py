"""Against torch's own kernel as the references call it, and against the cubic written out for each place."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from timm.layers import resample_abs_pos_embed

from hilum.encoders.positions import ANTIALIASED, OFFSET_BY_A_TENTH, Interpolation, resize_positions

GRIDS = [(37, 16), (37, 36), (14, 37), (14, 4)]


def embeddings(side, prefix=1):
    return torch.randn(1, prefix + side * side, 5, generator=torch.Generator().manual_seed(side))


def cubic(distance, a):
    """Keys, "Cubic convolution interpolation for digital image processing", 1981, eq. 4, for any a."""
    d = abs(distance)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


def slow_axis(old, new, rule):
    """Weights of every old place in every new one."""
    scale = old / (new + rule.offset)
    weights = np.zeros((new, old))
    for place in range(new):
        centre = (place + 0.5) * scale - 0.5
        if rule.antialias:  # the kernel is stretched over what it averages, and cut off at the edge
            stretch = max(scale, 1.0)
            for source in range(old):
                weights[place, source] = cubic((source - centre) / stretch, a=-0.5)
            weights[place] /= weights[place].sum()
        else:  # four neighbours, the edge repeated
            for source in range(int(np.floor(centre)) - 1, int(np.floor(centre)) + 3):
                weights[place, min(max(source, 0), old - 1)] += cubic(source - centre, a=-0.75)
    return weights


@pytest.mark.parametrize("rule", [ANTIALIASED, OFFSET_BY_A_TENTH, Interpolation(antialias=False)])
@pytest.mark.parametrize(("old", "new"), GRIDS)
def test_it_agrees_with_the_cubic_written_out_place_by_place(old, new, rule):
    positions = embeddings(old)
    grid = positions[0, 1:].reshape(old, old, -1).double().numpy()
    weights = slow_axis(old, new, rule)
    expected = np.einsum("ri,cj,ijd->rcd", weights, weights, grid).reshape(new * new, -1)
    resized = resize_positions(positions, (old, old), (new, new), 1, rule)
    np.testing.assert_allclose(resized[0, 1:].numpy(), expected, atol=5e-5)  # the kernel's places are float32


@pytest.mark.parametrize(("old", "new"), GRIDS)
def test_it_agrees_with_timm(old, new):
    positions = embeddings(old, prefix=5)
    theirs = resample_abs_pos_embed(positions, new_size=[new, new], old_size=[old, old], num_prefix_tokens=5)
    torch.testing.assert_close(resize_positions(positions, (old, old), (new, new), 5), theirs, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("old", "new"), GRIDS)
def test_it_agrees_with_the_scale_factor_of_dinov2(old, new):
    """Oquab et al.'s `interpolate_pos_encoding`: the scale is (new + 0.1) / old, without antialiasing."""
    positions = embeddings(old)
    grid = positions[:, 1:].reshape(1, old, old, -1).permute(0, 3, 1, 2)
    scale = float(new + 0.1) / old
    theirs = F.interpolate(grid, scale_factor=(scale, scale), mode="bicubic", antialias=False)
    ours = resize_positions(positions, (old, old), (new, new), 1, OFFSET_BY_A_TENTH)
    torch.testing.assert_close(ours[:, 1:], theirs.permute(0, 2, 3, 1).flatten(1, 2), atol=1e-5, rtol=0)


@pytest.mark.parametrize("other", [OFFSET_BY_A_TENTH, Interpolation(antialias=False)])
def test_the_rules_differ_also_where_the_grid_grows(other):
    positions = embeddings(14)
    antialiased = resize_positions(positions, (14, 14), (16, 16), 1)
    assert (antialiased - resize_positions(positions, (14, 14), (16, 16), 1, other)).abs().max() > 0.01


def test_prefix_and_equal_grids_stay_as_they_are():
    positions = embeddings(14, prefix=2)
    assert resize_positions(positions, (14, 14), (14, 14), 2) is positions
    assert torch.equal(resize_positions(positions, (14, 14), (3, 7), 2)[:, :2], positions[:, :2])


def test_rows_and_columns_are_not_mixed_up():
    rows = torch.arange(4.0).repeat_interleave(6)[None, :, None]  # a grid of 4 x 6 that grows downwards only
    resized = resize_positions(rows, (4, 6), (8, 3), 0).reshape(8, 3)
    assert torch.allclose(resized, resized[:, :1].expand(8, 3), atol=1e-5)
    assert (resized.diff(dim=0) > 0).all()


def test_it_is_float32_under_autocast_and_passes_gradients_also_after_inference_mode():
    positions = embeddings(9).requires_grad_()
    with torch.inference_mode():
        resize_positions(positions, (9, 9), (5, 11), 1)
    with torch.autocast("cpu", torch.bfloat16):
        resized = resize_positions(positions, (9, 9), (5, 11), 1)
    assert resized.dtype == torch.float32
    resized.sum().backward()
    assert positions.grad[0, 1:].abs().min() > 0
