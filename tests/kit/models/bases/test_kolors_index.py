import json
from pathlib import Path

import pytest
from published_layouts import write_diffusers_layout

from kit.models.bases.pipeline_class import INDEX, is_diffusers_kolors, pipeline_class

FIRST_PUBLISHED = {
    "_class_name": "StableDiffusionXLPipeline",
    "text_encoder": ["modeling_chatglm", "ChatGLMModel"],
    "unet": ["diffusers", "UNet2DConditionModel"],
}


def index(folder: Path, text: str) -> Path:
    (folder / INDEX).write_text(text)
    return folder


def test_kolors_says_so_in_diffusers_own_folder_and_in_the_one_first_published(tmp_path):
    theirs = write_diffusers_layout(tmp_path / "Kolors")
    assert pipeline_class(theirs) == "KolorsPipeline"
    assert is_diffusers_kolors(theirs)
    index(tmp_path, json.dumps(FIRST_PUBLISHED))
    assert pipeline_class(tmp_path) == "KolorsPipeline"
    assert not is_diffusers_kolors(tmp_path)


def test_another_model_says_its_own_class(tmp_path):
    sdxl = FIRST_PUBLISHED | {"text_encoder": ["transformers", "CLIPTextModel"]}
    assert pipeline_class(index(tmp_path, json.dumps(sdxl))) == "StableDiffusionXLPipeline"
    assert pipeline_class(index(tmp_path, '{"_class_name": "FluxPipeline"}')) == "FluxPipeline"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"_class_name": 3}', "[" * 100_000])
def test_what_is_no_index_says_nothing(tmp_path, text):
    assert pipeline_class(tmp_path) == ""
    assert pipeline_class(index(tmp_path, text)) == ""
