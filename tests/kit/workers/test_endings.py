import pytest

from kit.workers.endings import told_of_end


@pytest.mark.parametrize(
    ("others", "said", "told"),
    [
        (0, "The actor died unexpectedly", "cuda:1 has ended: its process was killed"),
        (
            0,
            "The actor never ran - it was cancelled before it started running.",
            "cuda:1 has ended: it did not begin; set RAY_AUTH_MODE alike on all machines and here",
        ),
        (1, "its node has died", "cuda:1 has ended: its machine is gone; the other one does its work"),
        (
            3,
            "ModuleNotFoundError: kit",
            "cuda:1 has ended: storykit is not installed there, or another version of it; "
            "the 3 others do its work",
        ),
    ],
)
def test_why_a_worker_ended_and_who_does_its_work(others, said, told):
    assert told_of_end("cuda:1", others, said) == told
