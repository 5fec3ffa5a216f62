import pytest
from command import said


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_machines_together_print_the_tables_of_one_alone(cluster):
    words = ("metrics", "validate", "--tales", 2)
    assert said(*words, "--ray", cluster[0].address) == said(*words)
