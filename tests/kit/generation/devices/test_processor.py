import pytest
import torch

from kit.generation.devices.processor import cpu_arithmetic

TABLE = (
    "processor\t: 0\nmodel name\t: Some CPU\ncache size\t: 1024 KB\nflags\t\t: fpu avx2\n\nprocessor\t: 1\n"
)


@pytest.fixture
def told(tmp_path):
    def tell(table: str) -> str | None:
        (tmp_path / "cpuinfo").write_text(table, encoding="utf-8")
        return cpu_arithmetic(tmp_path / "cpuinfo")

    return tell


def test_it_names_cpu_instructions_and_threads(told):
    line = told(TABLE)
    assert line.startswith("Some CPU ")
    assert line.endswith(f", {torch.backends.cpu.get_cpu_capability()}, threads: {torch.get_num_threads()}")
    assert line == told(TABLE.replace("processor\t: 0", "processor\t: 0\ncpu MHz\t: 2100"))


@pytest.mark.parametrize(("old", "new"), [("Some", "Other"), ("avx2", "avx512f"), ("1024", "2048")])
def test_another_cpu_is_another_line(told, old, new):
    assert told(TABLE) != told(TABLE.replace(old, new))


def test_another_number_of_threads_is_another_line(told):
    before, threads = told(TABLE), torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        assert told(TABLE) != before
    finally:
        torch.set_num_threads(threads)


def test_switches_of_the_mathematics_libraries_count(told, monkeypatch):
    before = told(TABLE)
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    assert told(TABLE) != before


@pytest.mark.parametrize("table", ["", "processor : 0\nFeatures : asimd\n"])
def test_a_system_that_does_not_say_its_cpu_is_unknown(told, table):
    assert told(table) is None


def test_a_system_without_the_table_is_unknown(tmp_path):
    assert cpu_arithmetic(tmp_path / "none") is None
