import json

import numpy as np
import pytest
from entries import make_entry, make_scored_run, unpack
from paths import GOLDENS

from kit.experiment.controls.control_record import ControlRecord
from kit.experiment.steps import Redraw, Refine, Restore, Upscale
from kit.generation.repair.repainting import first_step
from submissions.bundle.comfyui import MAX_EXACT_SEED, Graph, kijai, native, workflows_of
from submissions.bundle.manifest import read_manifest
from submissions.bundle.texts import texts_of
from submissions.contest.rules import load_rules
from submissions.packing.pack import pack

FACTS = json.loads((GOLDENS / "comfyui_nodes.json").read_text("utf-8"))["nodes"]
"""What each node takes and gives, read from its pack's source."""
CONTROLS = ("fixed", "increment", "decrement", "randomize")
"""What ComfyUI's page adds behind every whole number called seed."""


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("comfy")
    files = unpack(pack(make_scored_run(folder / "work"), make_entry(folder)).path)
    found, _ = read_manifest(files["manifest.json"])
    return found


def nodes(graph: dict, kind: str = "") -> list[dict]:
    return [node for node in graph["nodes"] if node["type"] != "Note" and kind in ("", node["type"])]


def values_by_name(node: dict) -> dict[str, object]:
    """Return a node's widgets by name, checked against what the node's source says."""
    values = list(node["widgets_values"])
    named = {}
    for name, fact in FACTS[node["type"]]["inputs"].items():
        if not fact["widget"]:
            continue
        named[name] = values.pop(0)
        if name == "seed":
            assert values.pop(0) in CONTROLS
    assert not values, f"{node['type']} has more values than widgets"
    return named


@pytest.mark.parametrize("make", [kijai, native])
def test_every_node_is_one_that_its_pack_has_with_its_outputs(manifest, make):
    for node in nodes(make(manifest).document()):
        given = [[output["type"], output["name"]] for output in node["outputs"]]
        assert given == FACTS[node["type"]]["outputs"], node["type"]


@pytest.mark.parametrize("make", [kijai, native])
def test_every_widget_has_a_value_that_its_node_takes(manifest, make):
    kinds = {"INT": int, "FLOAT": (int, float), "STRING": str, "COMBO": str, "BOOLEAN": bool}
    for node in nodes(make(manifest).document()):
        for name, value in values_by_name(node).items():
            fact = FACTS[node["type"]]["inputs"][name]
            assert isinstance(value, kinds[fact["type"]]), (node["type"], name)
            assert value in fact.get("choices", [value]), (node["type"], name)
            if fact["type"] in ("INT", "FLOAT"):
                least = 32 if name in ("width", "height") else fact["min"]  # the test draws tiny panels
                assert least <= value <= fact["max"], (node["type"], name)


@pytest.mark.parametrize("make", [kijai, native])
def test_every_link_joins_an_output_to_an_input_of_its_type(manifest, make):
    graph = make(manifest).document()
    by_id = {node["id"]: node for node in graph["nodes"]}
    assert len({link[0] for link in graph["links"]}) == len(graph["links"]) == graph["last_link_id"]
    assert len(by_id) == len(graph["nodes"]) == graph["last_node_id"]
    for number, source, out, target, into, kind in graph["links"]:
        assert by_id[source]["outputs"][out]["type"] == kind
        assert number in by_id[source]["outputs"][out]["links"]
        socket = by_id[target]["inputs"][into]
        assert (socket["link"], socket["type"]) == (number, kind)
        assert FACTS[by_id[target]["type"]]["inputs"][socket["name"]]["type"] == kind
        assert by_id[source]["order"] < by_id[target]["order"]


@pytest.mark.parametrize("make", [kijai, native])
def test_every_input_that_a_node_needs_is_linked(manifest, make):
    for node in nodes(make(manifest).document()):
        linked = {socket["name"] for socket in node["inputs"]}
        needed = {
            name
            for name, fact in FACTS[node["type"]]["inputs"].items()
            if fact["required"] and not fact["widget"]
        }
        assert needed <= linked, node["type"]


@pytest.mark.parametrize("make", [kijai, native])
def test_eight_panels_are_saved_with_their_own_prompt_and_seed(manifest, make):
    graph = make(manifest).document()
    by_id = {node["id"]: node for node in graph["nodes"]}
    source = {(link[3], link[4]): link[1] for link in graph["links"]}
    saved = nodes(graph, "SaveImage")
    assert [node["widgets_values"] for node in saved] == [[f"storykit/{n}"] for n in range(1, 9)]
    for node, panel in zip(saved, manifest.panels, strict=True):
        sampler = by_id[source[source[node["id"], 0], 0]]
        told = values_by_name(sampler)
        assert (told["seed"], told["steps"], told["cfg"]) == (panel.seed, 2, 4.0)
        said = by_id[source[sampler["id"], 1]]
        assert next(iter(values_by_name(said).values())) == panel.prompt


def test_what_was_repaired_is_repaired_by_nodes_and_links_that_fit(manifest):
    chain = (Redraw(seed=5, strength=0.5, mask="0" * 64), Redraw(seed=6, strength=0.25, prompt="雨"))
    panels = [one.model_copy(update={"chain": chain} if one.panel == 3 else {}) for one in manifest.panels]
    repaired = manifest.model_copy(update={"panels": tuple(panels)})
    test_every_node_is_one_that_its_pack_has_with_its_outputs(repaired, native)
    test_every_widget_has_a_value_that_its_node_takes(repaired, native)
    test_every_link_joins_an_output_to_an_input_of_its_type(repaired, native)
    test_every_input_that_a_node_needs_is_linked(repaired, native)
    graph = native(repaired).document()
    told = [values_by_name(node) for node in nodes(graph, "KSampler")[2:5]]
    assert [(one["seed"], one["steps"], one["denoise"]) for one in told] == [
        (3, 2, 1.0),
        (5, 1, 0.4),
        (6, 1, 0.4),
    ]
    assert ["雨"] in [node["widgets_values"] for node in nodes(graph, "MZ_ChatGLM3_V2")]
    assert nodes(graph, "LoadImageMask")[0]["widgets_values"] == [f"{'0' * 64}.png", "red"]
    assert nodes(kijai(repaired).document()) == nodes(kijai(manifest).document())


def test_what_was_made_larger_is_made_so_by_nodes_and_links_that_fit(manifest):
    network = "6" * 64
    chain = (
        Upscale(finisher=network, size=96),
        Restore(finisher=network, mask="5" * 64),
        Refine(seed=1, strength=0.5, size=128),
        Upscale(finisher=network, size=256),
    )
    panels = [
        one.model_copy(update={"chain": chain} if one.panel in (3, 4) else {}) for one in manifest.panels
    ]
    finished = manifest.model_copy(update={"panels": tuple(panels)})
    test_every_node_is_one_that_its_pack_has_with_its_outputs(finished, native)
    test_every_widget_has_a_value_that_its_node_takes(finished, native)
    test_every_link_joins_an_output_to_an_input_of_its_type(finished, native)
    test_every_input_that_a_node_needs_is_linked(finished, native)
    graph = native(finished).document()
    assert [node["widgets_values"] for node in nodes(graph, "UpscaleModelLoader")] == [
        [f"{network}.safetensors"]
    ]
    assert [node["widgets_values"][1] for node in nodes(graph, "ImageScale")] == [96, 128, 256] * 2
    assert len(nodes(graph, "ImageUpscaleWithModel")) == 4


@pytest.mark.parametrize("steps", [1, 7, 30, 50, 1000])
def test_comfyui_takes_as_many_steps_of_as_many_as_storykit(manifest, steps):
    """Of `steps` and `denoise` its KSampler makes the whole way by int(steps / denoise)."""
    chain = tuple(Redraw(seed=1, strength=tenths / 16) for tenths in range(1, 17))
    one = manifest.panels[0].model_copy(update={"chain": chain})
    how = manifest.settings.model_copy(update={"steps": steps})
    graph = native(manifest.model_copy(update={"panels": (one,), "settings": how})).document()
    for step, node in zip(chain, nodes(graph, "KSampler")[1:], strict=True):
        told = values_by_name(node)
        assert told["steps"] == steps - first_step(steps, step.strength)
        assert int(told["steps"] / told["denoise"]) == steps


def test_the_lora_is_worn_as_strong_as_in_the_bundle(manifest):
    [mine] = nodes(native(manifest).document(), "LoraLoaderModelOnly")
    assert mine["widgets_values"] == ["ink.safetensors", 0.8]
    [theirs] = nodes(kijai(manifest).document(), "LoadKolorsLoRA")
    assert theirs["widgets_values"] == ["lora/ink.ckpt", pytest.approx(0.8 * 4.0)]


def note(graph: Graph) -> str:
    return graph.document()["nodes"][0]["widgets_values"][0]


def test_the_note_says_which_pictures_come_out_and_warns_of_what_comfyui_reads_otherwise(manifest):
    assert "draws the bundle's own pictures from these seeds, up to a small difference" in note(
        native(manifest)
    )
    assert "draws other pictures from these seeds" in note(kijai(manifest))
    contest = manifest.settings.model_copy(update={"noise": "contest"})
    assert "draws other pictures" in note(native(manifest.model_copy(update={"settings": contest})))
    marked = manifest.panels[1].model_copy(update={"prompt": "a {red|blue} cat", "seed": MAX_EXACT_SEED + 1})
    told = note(native(manifest.model_copy(update={"panels": (manifest.panels[0], marked)})))
    assert "Panels 2: ComfyUI reads { } | // /* in a prompt as its own signs" in told
    chain = (Redraw(seed=1, strength=0.5, prompt="a {red|blue} cat"),)
    repaired = manifest.panels[0].model_copy(update={"chain": chain})
    assert "Panels 1: ComfyUI reads" in note(native(manifest.model_copy(update={"panels": (repaired,)})))
    assert "Panels 2: the browser rounds seeds" in told
    control = ControlRecord(kind="map", map="0" * 64, weight=0.7, until=1.0, controlnet="1" * 64)
    held = manifest.panels[2].model_copy(update={"control": (control,)})
    told = note(native(manifest.model_copy(update={"panels": (manifest.panels[0], held)})))
    assert f"Panels {held.panel} were held to maps by ControlNets, which this graph leaves out" in told


@pytest.mark.parametrize(("make", "places"), [(kijai, "models/LLM/checkpoints"), (native, "models/LLM")])
def test_the_note_names_the_places_of_chatglm3_and_of_the_vae(manifest, make, places):
    assert f"chatglm3-fp16.safetensors into {places} and sdxl.vae.safetensors into models/vae" in note(
        make(manifest)
    )


def test_the_steps_are_those_that_storykit_takes(manifest):
    """The scheduler ddim_uniform begins at another noise level."""
    for node in nodes(native(manifest).document(), "KSampler"):
        told = values_by_name(node)
        assert (told["sampler_name"], told["scheduler"], told["denoise"]) == ("euler", "normal", 1.0)


@pytest.mark.parametrize(
    ("strength", "alpha", "fits"), [(1.0, 4.0, True), (0.8, 5.0, True), (1.0, 4.5, False)]
)
def test_a_lora_that_is_worn_stronger_than_the_contests_node_can_is_left_to_the_other_nodes(
    manifest, strength, alpha, fits
):
    lora = manifest.lora.model_copy(update={"strength": strength, "alpha": alpha})
    strong = manifest.model_copy(update={"lora": lora})
    names = set(workflows_of(strong))
    assert ("comfyui/kijai.json" in names) == ("comfyui/kijai.api.json" in names) == fits
    assert {"comfyui/mz.json", "comfyui/mz.api.json"} <= names
    card = texts_of(strong, load_rules("kolors-2024"))["README.md"].decode()
    assert ("takes at most 4, the entry wears more: use ComfyUI-Kolors-MZ" in card) is not fits


@pytest.mark.parametrize("make", [kijai, native])
def test_what_the_server_takes_says_the_same_as_the_graph_on_the_page(manifest, make):
    graph, prompt = make(manifest).document(), make(manifest).prompt()
    shown = {str(node["id"]): node for node in nodes(graph)}
    assert set(prompt) == set(shown)
    for number, said in prompt.items():
        node = shown[number]
        assert said["class_type"] == node["type"]
        facts = FACTS[node["type"]]["inputs"]
        linked = {name: value for name, value in said["inputs"].items() if not facts[name]["widget"]}
        assert {name: value for name, value in said["inputs"].items() if facts[name]["widget"]} == (
            values_by_name(node)
        )
        links = {link[0]: [str(link[1]), link[2]] for link in graph["links"]}
        assert linked == {socket["name"]: links[socket["link"]] for socket in node["inputs"]}


def test_comfyuis_normal_steps_are_storykits_before_they_are_rounded():
    from kit.models.kolors.scheduler import TRAIN_STEPS, scheduler

    ours = np.array([float(step) for step in scheduler(50).timesteps])
    assert np.abs(ours - np.linspace(TRAIN_STEPS - 1, 0, 50)).max() <= 0.5


def test_a_story_of_the_bare_base_has_no_lora_in_its_graphs(manifest):
    bare = manifest.model_copy(update={"lora": None})
    assert not nodes(native(bare).document(), "LoraLoaderModelOnly")
    assert not nodes(kijai(bare).document(), "LoadKolorsLoRA")
    assert len(nodes(kijai(bare).document(), "SaveImage")) == 8


def test_there_is_no_graph_for_the_embedded_base(manifest):
    assert workflows_of(manifest.model_copy(update={"notice": "embedded"})) == {}
