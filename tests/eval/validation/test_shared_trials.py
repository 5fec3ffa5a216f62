import pytest
from command import said


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_machines_together_print_the_tables_of_one_alone(cluster):
    words = ("metrics", "validate", "--tales", 2)
    assert said(*words, "--ray", cluster[0].address) == said(*words)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_machines_together_draw_and_find_what_one_does_alone(cluster, tmp_path):
    words = ("metrics", "validate", "--drawn", "--tales", 2, "--steps", 2, "--json", "--calibration")
    together = said(*words, tmp_path / "together.toml", "--ray", cluster[0].address)
    assert together == said(*words, tmp_path / "alone.toml")
    assert (tmp_path / "together.toml").read_bytes() == (tmp_path / "alone.toml").read_bytes()
