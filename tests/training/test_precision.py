import contextlib

import pytest
import torch

from hilum.errors import HilumError
from hilum.training.distributed.device import choose_device
from hilum.training.precision import choose_precision, deterministic

CPU = torch.device("cpu")


def test_a_precision_asked_for_is_taken():
    assert choose_precision("fp32", CPU) == "fp32"
    assert choose_precision("bf16", CPU) == "bf16"


def test_automatic_precision_is_bf16_exactly_where_the_processor_multiplies_in_it():
    flags = torch.cpu.get_capabilities()
    assert choose_precision("auto", CPU) == ("bf16" if flags.get("avx512_bf16") or flags.get("amx_bf16") else "fp32")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_refused():
    assert choose_device("auto") == CPU
    with pytest.raises(HilumError, match="expected a GPU; found none"):
        choose_device("cuda")


def test_determinism_holds_inside_and_the_callers_flags_come_back_even_after_an_error():
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    assert not before[0]
    with deterministic(CPU):
        assert torch.are_deterministic_algorithms_enabled()
    with contextlib.suppress(ZeroDivisionError), deterministic(CPU):
        raise ZeroDivisionError
    assert (torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark) == before
