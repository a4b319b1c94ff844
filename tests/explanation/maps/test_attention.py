import pytest
import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

from hilum.encoders.zoo import create_encoder
from hilum.errors import HilumError
from hilum.explanation.maps import attention_map, capture_attention, rollout

TRANSFORMERS = [
    ("vit_tiny_patch16_224", 64, 1),
    ("vit_small_patch14_dinov2", 56, 1),
    ("vit_small_patch14_reg4_dinov2", 56, 5),
    ("vit_small_patch16_dinov3", 64, 5),
    ("eva_x_tiny_patch16", 64, 1),
    ("toh2023_xvt", 56, 0),
]


class Fused(TorchFunctionMode):
    """Keeps the values that go into fused attentions, and what comes out."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if func is F.scaled_dot_product_attention:
            self.calls.append((args[2], result))
        return result


def attention_matrices(encoder, images):
    matrices = []
    capture_attention(encoder, images, matrices.append)
    return matrices


@pytest.mark.parametrize(("name", "size", "prefix"), TRANSFORMERS)
def test_every_block_gives_a_matrix_whose_rows_sum_to_1(name, size, prefix, classifier_of, images_of):
    encoder, images = classifier_of(name, size).encoder, images_of(size)
    matrices = attention_matrices(encoder, images)
    tokens = prefix + 16
    assert len(matrices) == len(encoder.blocks) - 1
    for matrix in matrices:
        assert (matrix.shape[0], *matrix.shape[2:]) == (2, tokens, tokens)
        assert torch.allclose(matrix.sum(-1), torch.ones(matrix.shape[:-1]), atol=1e-5)


@pytest.mark.parametrize(("name", "size", "prefix"), TRANSFORMERS[:-1])
def test_the_matrices_give_what_the_fused_kernel_gives(name, size, prefix, classifier_of, images_of):
    encoder, images = classifier_of(name, size).encoder, images_of(size)
    with torch.no_grad(), Fused() as fused:
        encoder.tokens(images)
    matrices = attention_matrices(encoder, images)
    assert len(fused.calls) == len(matrices)
    for matrix, (values, output) in zip(matrices, fused.calls, strict=True):
        assert torch.allclose(matrix @ values, output, atol=1e-5)


def test_attention_that_is_written_out_is_the_same_as_fused_attention(classifier_of, images_of):
    encoder, images = classifier_of("vit_small_patch16_dinov3", 64).encoder, images_of(64)
    fused = attention_matrices(encoder, images)
    for block in encoder.body.blocks:
        block.attn.fused_attn = False
    for one, other in zip(fused, attention_matrices(encoder, images), strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_rollout_is_the_product_of_the_matrices_with_their_shortcuts(classifier_of, images_of):
    classifier, images = classifier_of("vit_small_patch14_reg4_dinov2", 56), images_of(56)
    through = torch.eye(21).expand(2, 21, 21)
    for matrix in attention_matrices(classifier.encoder, images):
        through = torch.einsum("bij,bjk->bik", 0.5 * matrix.mean(1) + 0.5 * torch.eye(21), through)
    found = attention_map(classifier, images, "rollout")
    assert torch.allclose(found, through[:, 0, 5:].reshape(2, 4, 4), atol=1e-6)


def test_rollout_of_two_blocks_comes_out_by_hand():
    # Block 1: token 0 reads token 1; block 2: token 0 reads token 2. The class token ends with
    # 1/2 (1/2 of itself + 1/2 of token 1) + 1/2 of token 2.
    first = torch.tensor([[[0.0, 1, 0], [0, 1, 0], [0, 0, 1]]])
    second = torch.tensor([[[0.0, 0, 1], [0, 1, 0], [0, 0, 1]]])
    assert rollout([first, second])[0, 0].tolist() == [0.25, 0.25, 0.5]


def test_attention_is_the_class_tokens_row_of_the_last_block(classifier_of, images_of):
    classifier, images = classifier_of("vit_small_patch16_dinov3", 64), images_of(64)
    expected = attention_matrices(classifier.encoder, images)[-1].mean(1)[:, 0, 5:].reshape(2, 4, 4)
    assert torch.equal(attention_map(classifier, images, "attention"), expected)


def test_where_the_feature_is_a_mean_of_places_attention_is_read_at_all_of_them(classifier_of, images_of):
    own = classifier_of("eva_x_tiny_patch16", 64)  # has a class token and does not use it
    mean = classifier_of("vit_tiny_patch16_224", 64, pooling="mean")
    images = images_of(64)
    for classifier in (own, mean):
        expected = attention_matrices(classifier.encoder, images)[-1].mean(1)[:, 1:, 1:].mean(1).reshape(2, 4, 4)
        assert torch.allclose(attention_map(classifier, images, "attention"), expected)


def test_without_class_token_all_attention_is_on_the_image(classifier_of, images_of):
    classifier, images = classifier_of("toh2023_xvt", 56), images_of(56)
    for method in ("attention", "rollout"):
        assert torch.allclose(attention_map(classifier, images, method).sum((1, 2)), torch.ones(2), atol=1e-5)


def test_where_attention_has_no_meaning_it_is_refused(classifier_of, images_of):
    with pytest.raises(HilumError, match="attend to the whole image; found resnet18"):
        attention_map(classifier_of("resnet18", 64), images_of(64), "rollout")


def test_watching_leaves_the_features_as_they_are(images_of):
    encoder, images = create_encoder("vit_tiny_patch16_224", seed=0).eval(), images_of(64)
    with torch.no_grad():
        before = encoder(images)
    attention_matrices(encoder, images)
    with torch.no_grad():
        assert torch.equal(encoder(images), before)
