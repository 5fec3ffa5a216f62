import pytest
import torch

from kit.errors import WeightsError
from kit.workers.devices import pick_device, pick_devices


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what a machine without a GPU answers")
def test_without_a_gpu_all_devices_are_the_cpu_and_a_gpu_is_refused():
    assert pick_devices("all") == pick_devices("auto") == ["cpu"]
    with pytest.raises(WeightsError, match="device 'cuda:1': this machine has cpu; or use auto"):
        pick_devices("cpu,cuda:1")
    with pytest.raises(WeightsError, match="device 'gpu': this machine has cpu"):
        pick_device("gpu")


def test_a_device_that_is_named_twice_is_refused():
    with pytest.raises(WeightsError, match="devices 'cpu, cpu': each must be named once"):
        pick_devices("cpu, cpu")
