"""Numbers that no training ended with are refused by name, in whatever tensor, place and type they stand."""

from pathlib import Path

import pytest
import timm
import torch
from hypothesis import given, settings, strategies as st

from hilum.encoders.published import encoder_of, layout_of, published_weights
from hilum.errors import HilumError

ROW = published_weights()["imagenet1k_resnet18"]
WHERE = Path("resnet18.pth")


@pytest.fixture(scope="module")
def tensors():
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return timm.create_model("resnet18").state_dict()


def load(tensors):
    return encoder_of(ROW, tensors, WHERE, layout_of(ROW, tensors, WHERE))


USED = [
    key for key in timm.create_model("resnet18").state_dict() if not key.startswith("fc.") and "num_batches" not in key
]


@settings(max_examples=12, deadline=None)
@given(
    key=st.sampled_from(USED),
    place=st.integers(0, 10**9),
    value=st.sampled_from([float("nan"), float("inf"), -float("inf")]),
    dtype=st.sampled_from([torch.float16, torch.bfloat16, torch.float32, torch.float64]),
)
def test_one_number_that_is_not_finite_is_refused_wherever_it_stands(tensors, key, place, value, dtype):
    broken = tensors[key].to(dtype).clone()
    broken.view(-1)[place % broken.numel()] = value
    with pytest.raises(HilumError) as caught:
        load(tensors | {key: broken})
    assert f"{key}: 1 of {broken.numel():,} values are not finite" in str(caught.value)


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.int64, torch.bool, torch.complex64])
def test_numbers_that_are_no_floating_point_are_refused(tensors, dtype):
    key = "layer2.0.conv1.weight"
    with pytest.raises(HilumError, match=rf"layer2\.0\.conv1\.weight .*: {str(dtype)[6:]}, not floating point"):
        load(tensors | {key: tensors[key].to(dtype)})


def test_a_number_too_large_for_float32_is_refused(tensors):
    key = "layer1.0.conv1.weight"
    with pytest.raises(HilumError, match="1 of 36,864 values are not finite"):
        load(
            tensors
            | {
                key: tensors[key]
                .double()
                .index_put((torch.zeros(1, dtype=torch.long),) * 4, torch.tensor(1e300).double())
            }
        )


def test_kernels_of_zeros_and_variances_below_zero_are_refused_and_zero_vectors_are_not(tensors):
    load(tensors)  # timm starts the last batch norm of each block at zero, and biases are zero
    with pytest.raises(HilumError, match=r"layer1\.0\.conv1\.weight \(64×64×3×3\): all zeros"):
        load(tensors | {"layer1.0.conv1.weight": torch.zeros(64, 64, 3, 3)})
    with pytest.raises(HilumError, match=r"bn1\.running_var \(64\): variances below zero"):
        load(tensors | {"bn1.running_var": -torch.ones(64)})


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floating_point_is_taken_and_stated(tensors, dtype):
    changed = {key: value.to(dtype) if value.is_floating_point() else value for key, value in tensors.items()}
    encoder, report = load(changed)
    assert encoder.body.state_dict()["conv1.weight"].dtype == torch.float32
    assert f"100 tensors are {str(dtype)[6:]} in the file and float32 here" in map(str, report.notes)
