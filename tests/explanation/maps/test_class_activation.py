import pytest
import torch

from hilum.explanation.maps import METHODS, grad_cam, grad_cam_plus_plus, layer_cam


def activations_and_gradients(score, activations):
    activations = activations.clone().requires_grad_()
    (gradients,) = torch.autograd.grad(score(activations).sum(), activations)
    return activations.detach(), gradients


@pytest.fixture
def features() -> torch.Tensor:
    return torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_grad_cam_of_pooled_linear_scores_is_the_class_activation_map(features):
    # Zhou et al. 2016: with mean pooling and a linear layer w the map is sum_c w_c A_c; the gradient is w_c / 16.
    weights = torch.tensor([2.0, -1.0, 0.5], dtype=torch.float64)
    a, g = activations_and_gradients(lambda x: x.mean((2, 3)) @ weights, features)
    expected = torch.einsum("c,bchw->bhw", weights, features).relu() / 16
    assert torch.allclose(grad_cam(a, g), expected, atol=1e-12)


def test_layer_cam_weighs_each_pixel_by_its_own_gradient(features):
    mask = torch.zeros(4, 4, dtype=torch.float64)
    mask[1, 2] = 3.0
    a, g = activations_and_gradients(lambda x: (x * mask).sum((1, 2, 3)), features)
    found = layer_cam(a, g)
    assert torch.allclose(found[:, 1, 2], 3.0 * features[:, :, 1, 2].sum(1))
    assert torch.count_nonzero(found) == 2


def test_grad_cam_plus_plus_equals_its_definition_pixel_by_pixel(features):
    weights = torch.tensor([1.5, -0.7, 0.2], dtype=torch.float64)
    a, g = activations_and_gradients(lambda x: (x**2).mean((2, 3)) @ weights, features)
    expected = torch.zeros(2, 4, 4, dtype=torch.float64)
    for b in range(2):
        for c in range(3):
            weight = 0.0
            for i in range(4):
                for j in range(4):
                    gradient = g[b, c, i, j]
                    alpha = gradient**2 / (2 * gradient**2 + a[b, c].sum() * gradient**3)
                    weight += alpha * max(gradient, 0)
            expected[b] += weight * a[b, c]
    assert torch.allclose(grad_cam_plus_plus(a, g), expected.relu(), atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_a_score_that_nothing_moves_gives_a_dark_map_without_nan(method, features):
    assert torch.equal(METHODS[method](features, torch.zeros_like(features)), torch.zeros(2, 4, 4, dtype=torch.float64))


@pytest.mark.parametrize("method", METHODS)
def test_what_speaks_against_a_finding_is_dark(method):
    ones = torch.ones(1, 1, 2, 2)
    assert METHODS[method](ones, -ones).max() == 0
