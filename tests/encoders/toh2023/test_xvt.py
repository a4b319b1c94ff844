import torch
import torch.nn.functional as F

from hilum.encoders.toh2023 import Attention, XvT


@torch.no_grad()
def test_attention_of_xvt_is_scaled_by_the_width_of_the_token_and_not_of_the_head(
    batch_normed, unlike_its_start, drawn
):
    attention, tokens = unlike_its_start(Attention()), drawn(1, 6, 192)
    maps = tokens[0].T.reshape(1, 192, 2, 3)

    def projected(part):
        convolved = batch_normed(F.conv2d(maps, part.conv.weight, padding=1, groups=192), part.norm)
        return convolved[0].flatten(1).T @ part.linear.weight.T + part.linear.bias

    query, key, value = (projected(part) for part in (attention.query, attention.key, attention.value))
    heads = []
    for start in (0, 64, 128):
        own = slice(start, start + 64)
        weights = (query[:, own] @ key[:, own].T / 192**0.5).softmax(-1)
        heads.append(weights @ value[:, own])
    linear = attention.output[0]
    expected = torch.cat(heads, dim=1) @ linear.weight.T + linear.bias
    torch.testing.assert_close(attention(tokens, (2, 3))[0], expected, atol=1e-3, rtol=1e-4)


@torch.no_grad()
def test_xvt_has_dropout_in_training_only_and_no_token_but_patches(drawn):
    body, image = XvT(1), drawn(1, 1, 56, 56)
    assert body.eval()(image).shape == (1, 16, 192)
    assert torch.equal(body(image), body(image))
    rates = {module.p for module in body.modules() if isinstance(module, torch.nn.Dropout)}
    assert rates == {0.3}
    assert sum(isinstance(module, torch.nn.Dropout) for module in body.modules()) == 1 + 6 * 3
