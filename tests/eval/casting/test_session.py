import pytest
from stripes import fill, new_run, put_panel, stripe_scorers, striped

from eval.casting.session import CastingSession
from eval.scoring.score import score
from kit.errors import ScoreError
from kit.experiment.run import Run, Slot

PLACE = ("base", "authored", "story")


def never(run: Run):
    pytest.fail(f"the scorers of {run.folder} were loaded")


@pytest.fixture
def run(tmp_path) -> Run:
    made = new_run(tmp_path, seeds=2)
    for slot in made.wanted():
        put_panel(made, slot, striped(slot.panel, level=200 + 3 * slot.panel - 40 * slot.seed))
    score(made, stripe_scorers())
    return made


def test_a_scored_run_is_held_in_memory_without_its_scorers(run):
    session = CastingSession(run, never)
    assert session.ready(PLACE) is None
    pool = session.pool(PLACE)
    assert len(pool.slots) == 16
    assert session.ready(PLACE) is pool
    assert session.pool(PLACE) is pool


def test_it_is_renewed_when_a_picture_is_drawn_anew_and_not_when_one_elsewhere_is(run):
    session = CastingSession(run, lambda run: stripe_scorers())
    pool = session.pool(PLACE)
    put_panel(run, Slot("ink", "authored", "story", 1, 1), striped(1, level=99))
    assert session.ready(PLACE) is pool
    put_panel(run, Slot(*PLACE, 1, 1), striped(1, level=99))
    assert session.ready(PLACE) is None
    assert session.pool(PLACE).sha256 != pool.sha256


def test_it_is_renewed_when_the_story_says_something_else(run):
    session = CastingSession(run, lambda run: stripe_scorers())
    pool = session.pool(PLACE)
    story = run.folder / "stories" / "story.toml"
    story.write_text(story.read_text("utf-8").replace("小女孩", "老爷爷"), "utf-8")
    assert session.ready(PLACE) is None
    assert session.pool(PLACE) is not pool


def test_a_run_that_lacks_a_picture_says_so(tmp_path):
    run = fill(new_run(tmp_path, seeds=2))
    score(run, stripe_scorers())
    for seed in (0, 1):
        run.panel_path(*PLACE, seed, 3).unlink(missing_ok=True)
    with pytest.raises(ScoreError, match="there is none of 3"):
        CastingSession(run, never).pool(PLACE)
