"""The house in order: small folders, names that occur once, true pages, a test for each module."""

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from paths import ROOT

PACKAGES = ("storykit", "submissions", "reports", "eval", "kit")
PAGES = sorted((ROOT / "docs").rglob("*.md"))
MOST_MODULES = 10

SCRIPTS = ("kit/mini/training/", "eval/mini/training/")
"""How the embedded models were trained: run once, not in the wheel."""
PLACES = "kit/world/places/"
"""A file a place: as many as the drawn world has."""
TESTED_THROUGH = {
    "eval/gate/folder_pictures.py": "eval/gate/test_gate.py",
    "eval/gate/harmless.py": "eval/gate/test_gate.py",
    "eval/casting/more/next_round.py": "eval/casting/more/test_draw_more.py",
    "eval/casting/more/summary.py": "eval/casting/more/test_draw_more.py",
    "eval/casting/exchanged.py": "eval/casting/test_cast.py",
    "eval/casting/pool.py": "eval/casting/test_cast.py",
    "eval/casting/selection.py": "eval/casting/test_cast.py",
    "eval/casting/summary.py": "eval/casting/test_cast.py",
    "eval/metrics/formulas.py": "eval/metrics/test_registry.py",
    "eval/scorers/protocols.py": "eval/scorers/test_aesthetic.py",
    "eval/votes/summary.py": "eval/votes/test_tally.py",
    "eval/validation/markdown.py": "eval/validation/test_validate.py",
    "kit/generation/shards/machines.py": "kit/generation/shards/test_gather.py",
    "kit/generation/shards/run_parts.py": "kit/generation/shards/test_gather.py",
    "kit/generation/shards/shard.py": "kit/generation/shards/test_gather.py",
    "kit/experiment/drawing/draw_settings.py": "kit/experiment/test_config.py",
    "kit/generation/ip_adapter/picture_attention.py": "kit/generation/ip_adapter/test_picture_reading.py",
    "kit/models/ip_adapter/projection_sizes.py": "kit/models/ip_adapter/test_adapter_files.py",
    "kit/generation/pipelines/cascade.py": "kit/generation/test_diffusers_painter.py",
    "kit/generation/pipelines/clip_pipelines.py": "kit/generation/test_diffusers_painter.py",
    "kit/generation/pipelines/parts.py": "kit/models/bases/test_pipeline_files.py",
    "kit/generation/pipelines/samplers.py": "kit/generation/test_diffusers_painter.py",
    "kit/generation/pipelines/texts.py": "kit/generation/test_diffusers_painter.py",
    "kit/generation/repair/draw_steps.py": "kit/generation/repair/test_repair.py",
    "kit/generation/repair/part_masks.py": "kit/generation/repair/test_repair.py",
    "kit/generation/sampling/tiled.py": "kit/generation/repair/test_repainting.py",
    "kit/workers/actor.py": "kit/generation/devices/test_ray_painter.py",
    "kit/workers/surroundings.py": "kit/generation/devices/test_painter_worker.py",
    "storykit/finishing.py": "submissions/test_finished_set.py",
    "storykit/repair_options.py": "storykit/cli/finishing/test_repair.py",
    "storykit/repairing.py": "storykit/cli/finishing/test_repair.py",
    "storykit/repair_ladders.py": "storykit/test_auto_repair.py",
    "kit/doctor/diagnosis.py": "storykit/cli/setup/test_doctor.py",
    "kit/doctor/examine.py": "storykit/cli/setup/test_doctor.py",
    "kit/doctor/hubs.py": "storykit/cli/setup/test_doctor.py",
    "kit/doctor/libraries.py": "storykit/cli/setup/test_doctor.py",
    "kit/doctor/room.py": "storykit/cli/setup/test_doctor.py",
    "kit/doctor/surroundings.py": "storykit/cli/setup/test_doctor.py",
    "kit/doctor/torch_facts.py": "storykit/cli/setup/test_doctor.py",
    "kit/doctor/torch_lines.py": "storykit/cli/setup/test_doctor.py",
    "kit/doctor/usual_places.py": "storykit/cli/setup/test_doctor.py",
    "kit/doctor/weights.py": "storykit/cli/setup/test_doctor.py",
    "kit/generation/devices/device_memory.py": "storykit/cli/setup/test_doctor.py",
    "kit/did_you_mean.py": "kit/files/test_path_contents.py",
    "kit/embedded.py": "kit/lora/test_lora.py",
    "kit/errors.py": "test_cli.py",
    "kit/experiment/fields.py": "kit/experiment/test_config.py",
    "kit/models/bases/base_parts.py": "kit/experiment/test_config.py",
    "kit/models/bases/pipeline_class.py": "kit/experiment/drawing/test_usual.py",
    "kit/experiment/identity.py": "submissions/packing/test_run_evidence.py",
    "kit/experiment/candidates/candidate.py": "kit/experiment/test_config.py",
    "kit/experiment/other_files.py": "kit/experiment/test_config.py",
    "kit/experiment/controls/control_record.py": "kit/generation/controls/test_run_controls.py",
    "kit/experiment/references/image_prompt_record.py": "test_references.py",
    "kit/experiment/references/kept_pictures.py": "kit/experiment/references/test_reference_pictures.py",
    "kit/generation/references/image_prompt.py": "kit/generation/references/test_run_image_prompts.py",
    "kit/generation/controls/control.py": "kit/generation/pipelines/test_controlnets.py",
    "kit/generation/controls/held_panels.py": "kit/generation/controls/test_kolors_controlnets.py",
    "submissions/reproduction/changes.py": "submissions/reproduction/test_reproduce.py",
    "kit/files/checksums.py": "kit/models/test_download.py",
    "kit/files/text/unknown_keys.py": "kit/experiment/test_config.py",
    "kit/generation/painter.py": "kit/generation/kolors/test_kolors_painter.py",
    "kit/generation/kolors/drawing_loop.py": "kit/generation/kolors/test_kolors_painter.py",
    "kit/generation/kolors/kolors_networks.py": "kit/generation/kolors/test_kolors_painter.py",
    "kit/generation/sampling/picture_latents.py": "kit/generation/kolors/test_kolors_painter.py",
    "kit/hub/huggingface.py": "kit/models/test_download.py",
    "kit/hub/repository.py": "kit/models/test_download.py",
    "kit/images/png_metadata.py": "kit/generation/test_recipe.py",
    "kit/library_warnings.py": "test_cli.py",
    "kit/models/kolors/scheduler.py": "kit/generation/test_parity.py",
    "kit/models/layouts/diffusers_networks.py": "kit/models/layouts/test_diffusers_export.py",
    "kit/models/layouts/published_configs.py": "kit/models/test_kolors_layout.py",
    "kit/models/layouts/read_weights.py": "kit/models/layouts/test_weight_files.py",
    "kit/models/networks.py": "kit/models/test_mini_layout.py",
    "kit/models/prompt_states.py": "kit/generation/kolors/test_kolors_painter.py",
    "kit/planning/drawing_load.py": "storykit/cli/setup/test_plan.py",
    "kit/planning/estimate.py": "storykit/cli/setup/test_plan.py",
    "kit/planning/known_pace.py": "storykit/cli/setup/test_plan.py",
    "kit/planning/measured_cards.py": "storykit/cli/setup/test_plan.py",
    "kit/planning/pace.py": "storykit/cli/setup/test_plan.py",
    "kit/planning/probe.py": "storykit/cli/setup/test_plan.py",
    "kit/progress.py": "kit/generation/test_generate.py",
    "kit/starter/choices.py": "kit/starter/test_folder.py",
    "kit/story/importing/code/code_reader.py": "kit/story/importing/code/test_notebooks.py",
    "kit/story/importing/code/constant_code.py": "kit/story/importing/code/test_notebooks.py",
    "kit/story/importing/code/drawing_calls.py": "kit/story/importing/code/test_notebooks.py",
    "kit/story/importing/columns.py": "kit/story/importing/test_read_story.py",
    "kit/story/importing/delimited_tables.py": "kit/story/importing/test_read_story.py",
    "kit/story/importing/foreign_tables.py": "kit/story/importing/test_read_story.py",
    "kit/story/importing/json_tables.py": "kit/story/importing/test_read_story.py",
    "kit/story/importing/labelled_lists.py": "kit/story/importing/test_read_story.py",
    "kit/story/importing/markdown_tables.py": "kit/story/importing/test_read_story.py",
    "kit/story/importing/panel_numbers.py": "kit/story/importing/test_read_story.py",
    "kit/story/importing/foreign_story.py": "kit/story/importing/test_read_story.py",
    "kit/story/importing/plain_lines.py": "kit/story/importing/test_read_story.py",
    "kit/story/structure/clause_words.py": "kit/story/structure/test_clauses.py",
    "kit/story/structure/recurring.py": "kit/story/structure/test_structured_story.py",
    "kit/story/structure/story_text.py": "kit/story/structure/test_structured_story.py",
    "kit/story/lint/appearances.py": "kit/story/lint/test_figure_rules.py",
    "kit/story/lint/examples.py": "kit/story/lint/test_figure_rules.py",
    "kit/story/lint/finding.py": "kit/story/lint/test_lint.py",
    "kit/story/lint/looks.py": "kit/story/lint/test_figure_rules.py",
    "kit/story/lint/phrases.py": "kit/story/lint/test_figure_rules.py",
    "kit/story/lint/pieces.py": "kit/story/lint/test_prompt_rules.py",
    "kit/training/lora_layers.py": "kit/training/test_loop.py",
    "kit/versions.py": "kit/generation/test_recipe.py",
    "kit/world/figures/animals.py": "kit/world/test_render.py",
    "kit/world/figures/heads.py": "kit/world/test_render.py",
    "kit/world/figures/people.py": "kit/world/test_render.py",
    "kit/world/figures/poses.py": "kit/world/test_render.py",
    "kit/world/figures/props.py": "kit/world/test_render.py",
    "kit/files/text/toml_values.py": "kit/files/text/test_commented_toml.py",
    "kit/writing/experiment_fields.py": "kit/writing/test_experiment_draft.py",
    "kit/writing/form_fields.py": "kit/writing/test_experiment_draft.py",
    "storykit/board/writing/actions.py": "storykit/board/writing/test_routes.py",
    "storykit/board/writing/editing.py": "storykit/board/writing/test_routes.py",
    "storykit/board/writing/forms.py": "storykit/board/writing/test_routes.py",
    "storykit/board/writing/listing.py": "storykit/board/writing/test_routes.py",
    "storykit/board/writing/said.py": "storykit/board/writing/test_routes.py",
    "storykit/board/writing/view.py": "storykit/board/writing/test_routes.py",
    "reports/training.py": "storykit/cli/test_train.py",
    "storykit/__main__.py": "test_cli.py",
    "storykit/board/jobs/live.py": "storykit/board/jobs/test_routes.py",
    "storykit/board/jobs/runner.py": "storykit/board/jobs/test_start.py",
    "storykit/board/jobs/small_files.py": "storykit/board/jobs/test_job.py",
    "storykit/board/app.py": "storykit/board/test_shelf.py",
    "storykit/board/open_runs.py": "storykit/board/test_shelf.py",
    "storykit/board/pages.py": "storykit/board/test_shelf.py",
    **dict.fromkeys(
        (
            *("storykit/board/sheet/background.py", "storykit/board/sheet/grid.py"),
            *("storykit/board/sheet/history.py", "storykit/board/sheet/large_view.py"),
            *("storykit/board/sheet/run_numbers.py", "storykit/board/sheet/sheet_query.py"),
            *("storykit/board/sheet/sheet_request.py", "storykit/board/sheet/strip.py"),
        ),
        "storykit/board/sheet/test_routes.py",
    ),
    "storykit/board/votes/booths.py": "storykit/board/votes/test_voting_routes.py",
    "storykit/board/votes/sitting.py": "storykit/board/votes/test_voting_routes.py",
    "storykit/board/votes/voters.py": "storykit/board/votes/test_voting_routes.py",
    "storykit/cli/board.py": "storykit/board/test_server.py",
    "kit/dataset/augmentation/settings.py": "kit/dataset/augmentation/test_copies.py",
    "kit/dataset/captioning/choices.py": "storykit/cli/groups/test_dataset_captions.py",
    "kit/dataset/captioning/taggers/tags.py": "kit/dataset/captioning/taggers/test_wd_tagger.py",
    "storykit/cli/groups/dataset.py": "kit/dataset/test_prepare.py",
    "storykit/cli/groups/metrics.py": "eval/validation/test_validate.py",
    "storykit/cli/experiment.py": "test_flow.py",
    "storykit/cli/main.py": "test_cli.py",
    "storykit/cli/pack.py": "test_flow.py",
    "storykit/cli/scores.py": "test_flow.py",
    "storykit/cli/share.py": "reports/run/test_story_page.py",
    "storykit/cli/terminal/help.py": "test_cli.py",
    "storykit/cli/terminal/painters.py": "test_flow.py",
    "storykit/cli/terminal/usage_errors.py": "test_cli.py",
    "storykit/cli/verify.py": "test_flow.py",
    "storykit/cli/votes.py": "eval/votes/test_tally.py",
    "storykit/run_results.py": "storykit/test_notebook.py",
    "submissions/bundle/bundle.py": "submissions/verification/test_verify.py",
    "submissions/bundle/comfyui_graph.py": "submissions/bundle/test_comfyui.py",
    "submissions/bundle/manifest.py": "submissions/packing/test_build.py",
    "submissions/packing/checklist_lines.py": "submissions/packing/test_checklist.py",
    "submissions/packing/entry_plan.py": "submissions/packing/test_checklist.py",
    "submissions/untrusted/zip_list.py": "submissions/untrusted/test_zip_reader.py",
    "submissions/packing/entry.py": "submissions/packing/test_preflight.py",
    "submissions/untrusted/lora_reader.py": "submissions/verification/test_manifest_checks.py",
}
"""Modules without a test file of their name, and the one that shows most of what they do."""

_CODE = re.compile(r"^ *```.*?\n(.*?)^ *```|`([^`\n]+)`", re.M | re.S)
_FILE = re.compile(r"(?<![\w/.-])[\w/-]+\.py\b")
_DOTTED = re.compile(rf"(?<![\w/.-])(?:{'|'.join((*PACKAGES, 'tests'))})(?:\.[A-Za-z_]\w*)+(?![\w(])")


@cache
def modules(*roots: str) -> list[str]:
    """Return the path of each module of the product, or of other folders."""
    paths = (path for root in roots or PACKAGES for path in (ROOT / root).rglob("*.py"))
    return sorted(path.relative_to(ROOT).as_posix() for path in paths if path.name != "__init__.py")


def tree_of(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def named_by(page: Path) -> list[str]:
    """Return the modules that the code of a page names: paths, or the ends of paths, and dotted names."""
    code = "\n".join(block or span for block, span in _CODE.findall(page.read_text(encoding="utf-8")))
    return list(dict.fromkeys(_FILE.findall(code) + _DOTTED.findall(code)))


def is_there(named: str) -> bool:
    """Is it a module, a folder, or what a module defines?"""
    if named.endswith(".py"):
        return any(f"/{path}".endswith(f"/{named}") for path in modules(*PACKAGES, "tests"))
    path = Path(named.replace(".", "/"))
    if (ROOT / path).is_dir() or (ROOT / f"{path}.py").is_file():
        return True
    return (ROOT / f"{path.parent}.py").is_file() and path.name in defined_in(f"{path.parent}.py")


def defined_in(path: str) -> set[str]:
    nodes = list(ast.walk(tree_of(path)))
    names = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return names | {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def imports_of(path: str) -> Iterator[str]:
    """Yield what a module imports, inside functions too."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_a_folder_holds_few_modules():
    held = Counter(f"{Path(path).parent.as_posix()}/" for path in modules())
    crowded = {folder: n for folder, n in held.items() if n > MOST_MODULES and folder != PLACES}
    assert not crowded, f"more than {MOST_MODULES} modules: {crowded}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_module_that_a_page_names_is_there(page):
    gone = [named for named in named_by(page) if not is_there(named)]
    assert not gone, f"{page.name} names {', '.join(gone)}"


def test_no_class_has_the_name_of_another():
    declared = defaultdict(list)
    for path in modules():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ClassDef):
                declared[node.name.lstrip("_")].append(path)
    twice = [f"{name}: {', '.join(paths)}" for name, paths in sorted(declared.items()) if len(paths) > 1]
    assert not twice, "\n".join(twice)


def test_the_scripts_that_trained_the_embedded_models_are_used_by_nothing_else():
    scripts = tuple(folder.strip("/").replace("/", ".") for folder in SCRIPTS)
    users = [
        f"{path}: {name}"
        for path in modules()
        for name in imports_of(path)
        if name.startswith(scripts) and not path.startswith(SCRIPTS)
    ]
    assert not users, "\n".join(users)


def test_every_module_has_a_test_file_of_its_name_or_one_that_it_is_tested_through():
    product = [path for path in modules() if not path.startswith((*SCRIPTS, PLACES))]
    untested = {
        path
        for path in product
        if not (ROOT / "tests" / Path(path).parent / f"test_{Path(path).name}").is_file()
    }
    assert untested == set(TESTED_THROUGH), "\n".join(sorted(untested ^ set(TESTED_THROUGH)))
    assert [test for test in TESTED_THROUGH.values() if not (ROOT / "tests" / test).is_file()] == []


def test_a_page_names_modules_by_paths_ends_of_paths_and_dotted_names(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "`world/tale.py`, `kit.world.tale`, eval.gone and\n```python\nfrom kit.gone import x\n```\n"
    )
    assert named_by(page) == ["world/tale.py", "kit.world.tale", "kit.gone"]
    for there in (
        "tale.py",
        "kit/world/tale.py",
        "kit.world",
        "kit.world.tale.sample_tale",
        "tests.benchmarks",
    ):
        assert is_there(there), there
    for gone in ("ale.py", "eval/tale.py", "kit.gone", "kit.world.tale.gone"):
        assert not is_there(gone), gone
