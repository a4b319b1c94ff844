import pytest
import torch

from hilum.explanation.maps import occlusion_maps


def two_scores(images):
    """The mean of one corner, and something that is not linear."""
    return torch.stack([images[:, 0, :4, 4:8].mean((1, 2)), (images**2).mean((1, 2, 3)) * 3], dim=1)


@pytest.mark.parametrize(("side", "cells", "span"), [(16, 8, 3), (15, 4, 2), (12, 3, 1), (10, 3, 3)])
def test_it_is_what_covering_each_place_in_turn_gives(side, cells, span, images_of):
    radiographs = images_of(side, 3)
    found = occlusion_maps(two_scores, radiographs, cells=cells, span=span, at_once=7)
    edges = [round(cell * side / cells) for cell in range(cells + 1)]
    for radiograph in range(3):
        for row in range(cells):
            for column in range(cells):
                falls = []
                for top in range(cells - span + 1):
                    for left in range(cells - span + 1):
                        if top <= row < top + span and left <= column < left + span:
                            covered = radiographs[radiograph : radiograph + 1].clone()
                            gray = covered.mean()
                            covered[0, 0, edges[top] : edges[top + span], edges[left] : edges[left + span]] = gray
                            falls.append(
                                two_scores(radiographs[radiograph : radiograph + 1])[0] - two_scores(covered)[0]
                            )
                expected = torch.stack(falls).mean(0).relu()
                assert torch.allclose(found[radiograph, :, row, column], expected, atol=1e-6)


def test_only_what_the_score_reads_is_hot():
    radiographs = torch.zeros(1, 1, 16, 16)
    radiographs[0, 0, 0:4, 4:8] = 1.0
    found = occlusion_maps(lambda images: images[:, 0, :4, 4:8].mean((1, 2))[:, None], radiographs, cells=4, span=1)
    expected = torch.zeros(4, 4)
    expected[0, 1] = 1 - 1 / 16  # a bright cell covered with the image's mean
    assert torch.allclose(found[0, 0], expected)


def test_the_number_of_images_in_a_pass_changes_nothing(images_of):
    radiographs = images_of(16, 3)
    few, many = (occlusion_maps(two_scores, radiographs, cells=4, span=2, at_once=number) for number in (1, 1000))
    assert torch.allclose(few, many, atol=1e-6)
