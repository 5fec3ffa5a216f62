import pytest
from fakes import make_run

from kit.messages import speaking
from storykit.board.jobs.commands import job_order
from storykit.board.jobs.forms import FORMS, job_form
from storykit.board.served_folder import ServedFolder

EXPERIMENT = 'stories = ["s.toml"]\n'


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    root = tmp_path_factory.mktemp("served")
    make_run(root / "runs" / "rain")
    (root / "runs" / "rain" / "experiment.toml").unlink()
    (root / "a.toml").write_text(EXPERIMENT)
    (root / "rainy").mkdir()
    (root / "rainy" / "experiment.toml").write_text(EXPERIMENT)
    (root / "train.toml").write_text('data = "pictures"\n')
    (root / "<b>.zip").touch()
    return ServedFolder.open(root)


def field(form, name):
    return next(one for one in form.fields if one.name == name)


def offered(form, name):
    return [choice.value for choice in field(form, name).choices]


def test_the_users_own_experiments_come_first_and_those_of_runs_go_on(served):
    form = job_form(served, "run", {})
    assert offered(form, "experiment") == ["a.toml", "rainy/experiment.toml", "runs/rain/run/experiment.toml"]
    assert field(form, "experiment").choices[-1].label == "runs/rain/run, go on"


PLACES = {
    "a.toml": "runs/a",
    "rainy/experiment.toml": "runs/rainy",
    "runs/rain/run/experiment.toml": "runs/rain/run",
}


@pytest.mark.parametrize("experiment", PLACES)
def test_a_place_is_proposed_for_the_results(experiment, served):
    form = job_form(served, "run", {"experiment": experiment})
    assert (form.proposed, field(form, "out").value) == (PLACES[experiment], PLACES[experiment])


def test_a_place_that_was_typed_stays_and_one_that_was_proposed_goes_with_another_experiment(served):
    given = {"experiment": "rainy/experiment.toml", "proposed": "runs/a"}
    assert field(job_form(served, "run", {**given, "out": "mine"}), "out").value == "mine"
    assert field(job_form(served, "run", {**given, "out": "runs/a"}), "out").value == "runs/rainy"


def test_in_a_folder_of_runs_the_results_lie_beside_them(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "a.toml").write_text(EXPERIMENT)
    assert job_form(ServedFolder.open(tmp_path / "runs"), "generate", {}).proposed == "a"


def test_a_run_offers_the_names_of_what_is_in_it(served):
    form = job_form(served, "cast", {})
    assert offered(form, "run") == ["runs/rain/run"]
    assert offered(form, "candidate")[0] == ""
    assert "base" in offered(form, "candidate")
    assert offered(job_form(served, "cast", {"run": "../elsewhere"}), "candidate") == [""]


@pytest.mark.parametrize("command", FORMS)
def test_what_a_form_proposes_can_be_started(command, served):
    form = job_form(served, command, {})
    assert not form.lacks
    order = job_order(served, command, {one.name: one.value for one in form.fields})
    assert order.command == command


@pytest.mark.parametrize("command", FORMS)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_empty_folder_says_what_is_lacking(command, language, tmp_path):
    with speaking(language):
        form = job_form(ServedFolder.open(tmp_path), command, {})
    assert form.lacks
    assert (form.lacks.english == form.lacks) == (language == "en")


def test_a_run_that_is_the_served_folder_itself_goes_on(tmp_path):
    make_run(tmp_path)
    served = ServedFolder.open(tmp_path / "run")
    form = job_form(served, "run", {})
    assert offered(form, "experiment") == ["experiment.toml"]
    given = {one.name: one.value for one in form.fields}
    assert job_order(served, "run", given).command_line == "storykit run experiment.toml --out ."
