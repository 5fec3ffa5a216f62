from pathlib import Path

import pytest
import torch

from kit.dataset.captioning.network_errors import network_errors
from kit.errors import InputError, WeightsError

WEIGHTS = Path("weights/model.onnx")


@pytest.mark.parametrize(
    "fault",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
)
def test_too_little_memory_is_told_with_the_way_out(fault: Exception) -> None:
    told = r"model\.onnx needs more memory .* CUDA_VISIBLE_DEVICES="
    with pytest.raises(WeightsError, match=told), network_errors(WEIGHTS):
        raise fault


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (RuntimeError("mat1 and mat2\ncannot be multiplied"), "mat1 and mat2 cannot be multiplied"),
        (IndexError(), "IndexError"),
    ],
)
def test_weights_that_do_not_work_are_named_in_one_line(fault: Exception, told: str) -> None:
    with pytest.raises(WeightsError) as error, network_errors(WEIGHTS):
        raise fault
    assert (
        str(error.value) == f"{WEIGHTS} does not work: {told}; download it again, or take another captioner"
    )


def test_what_storykit_says_itself_stays_and_so_does_what_no_library_says() -> None:
    for fault in (InputError("a.png", ["is torn"]), KeyboardInterrupt(), ZeroDivisionError()):
        with pytest.raises(type(fault)) as error, network_errors(WEIGHTS):
            raise fault
        assert error.value is fault
