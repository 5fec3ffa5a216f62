import json
from pathlib import Path

from kit.lora.pipelines.layout import PipelineLayout, lora_layout, recorded_layout


def pipeline(folder: Path, made: str, **unet: int) -> str:
    (folder / "unet").mkdir(parents=True)
    (folder / "model_index.json").write_text(json.dumps({"_class_name": made}))
    (folder / "unet" / "config.json").write_text(json.dumps(unet))
    return str(folder)


def test_a_pipeline_s_folder_says_how_its_layers_are_named(tmp_path: Path) -> None:
    one = pipeline(tmp_path / "a", "StableDiffusionXLPipeline", layers_per_block=1)
    assert lora_layout(one) == PipelineLayout("sdxl", 1)
    assert lora_layout(pipeline(tmp_path / "b", "StableDiffusionPipeline")) == PipelineLayout("sd", 2)
    assert lora_layout(pipeline(tmp_path / "c", "KolorsPipeline")) is None
    assert lora_layout("mini") is lora_layout("kolors") is None


def test_so_does_what_a_run_records_of_its_base() -> None:
    assert recorded_layout({"name": "SDXL", "pipeline": "StableDiffusionXLPipeline"}) == PipelineLayout(
        "sdxl"
    )
    assert recorded_layout({"name": "kolors"}) is None
