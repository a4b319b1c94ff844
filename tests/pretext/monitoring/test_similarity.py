import pytest
import torch

from hilum.pretext.monitoring import MeanMetrics, mean_similarity, negative_similarity, positive_similarity


def rows(count, seed):
    return torch.randn(count, 5, generator=torch.Generator().manual_seed(seed)) + 0.5


def cosine(first, second):
    return float((first @ second / (first.norm() * second.norm())).double())


def test_similarities_are_mean_cosines_taken_one_by_one():
    first, second, queue = rows(4, 0), rows(4, 1), rows(7, 2)
    pairs = [cosine(a, b) for a, b in zip(first, second, strict=True)]
    assert positive_similarity(first, second).item() == pytest.approx(sum(pairs) / 4, abs=1e-6)
    views = [*enumerate(first), *enumerate(second)]
    others = [cosine(a, b) for i, a in views for j, b in views if i != j]
    assert len(others) == 8 * 6
    assert negative_similarity(first, second).item() == pytest.approx(sum(others) / len(others), abs=1e-6)
    all_pairs = [cosine(a, b) for a in first for b in queue]
    assert mean_similarity(first, queue).item() == pytest.approx(sum(all_pairs) / 28, abs=1e-6)


def test_projections_that_are_all_alike_have_similarity_one():
    alike = torch.ones(3, 4)
    assert (
        positive_similarity(alike, 2 * alike)
        == negative_similarity(alike, 2 * alike)
        == mean_similarity(alike, alike)
        == pytest.approx(1)
    )


def test_an_epoch_is_summed_up_whole_also_when_it_is_resumed_and_then_forgotten():
    first, resumed = MeanMetrics("near", "far"), MeanMetrics("near", "far")
    assert first.compute() == {}
    first.update(torch.tensor(0.5), torch.tensor(-1.0))
    resumed.load_state_dict(first.state_dict())
    resumed.update(torch.tensor(0.25), torch.tensor(0.0))
    assert resumed.compute() == {"near": 0.375, "far": -0.5}
    assert resumed.compute() == {}
