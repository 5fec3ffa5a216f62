"""The LoRA files that a run folder keeps: one a candidate, so that every later stage has one."""

from pathlib import Path

from kit.embedded import LORA_PREFIX
from kit.experiment.candidates.candidate import Candidate
from kit.experiment.candidates.sweeps import evened
from kit.files.atomic_write import copy_atomic, write_atomic
from kit.lora.key_names import config_beside, tensors_file
from kit.lora.lora import find_lora, load_lora
from kit.lora.merge import MergePart, merge_loras, merged_bytes
from kit.lora.pipelines.layout import PipelineLayout


def keep_lora(folder: Path, candidate: Candidate, layout: PipelineLayout | None = None) -> Candidate:
    """Copy a candidate's LoRA into a run folder and return the candidate with the copy.

    Several that are worn together become one, their sum, which is exact; so does one whose blocks count
    unlike, so that whatever comes later knows neither stacks nor blocks.

    Args:
        folder: the run's.
        candidate: as the experiment has it.
        layout: of the base that wears it; None for Kolors and the embedded base.
    """
    parts = merge_parts(candidate, layout) if candidate.loras or candidate.blocks else []
    alike = {strength for part in parts for strength in part.own_blocks.values()}
    if candidate.blocks and len(alike) == 1:
        candidate = evened(candidate, alike.pop())
    elif parts:
        kept = f"loras/{candidate.name}.safetensors"
        write_atomic(folder / kept, merged_bytes(merge_loras(parts), parts))
        return candidate.model_copy(update={"lora": kept, "loras": None, "alpha": None, "blocks": None})
    if candidate.lora is None or candidate.lora.startswith(LORA_PREFIX):
        return candidate
    source = tensors_file(Path(candidate.lora))
    kept = f"loras/{candidate.name}{source.suffix}"
    copy_atomic(source, folder / kept)
    alpha = candidate.alpha
    if config_beside(source) is not None:  # PEFT keeps it in a file of its own, which is not copied
        alpha = load_lora(source, alpha, layout).alpha
    return candidate.model_copy(update={"lora": kept, "alpha": alpha})


def merge_parts(candidate: Candidate, layout: PipelineLayout | None = None) -> list[MergePart]:
    """Return the LoRAs of a candidate as the user gave it, without its strength; none for the base alone.

    Args:
        candidate: it.
        layout: of the base that wears them; None for Kolors and the embedded base.
    """
    if candidate.loras:
        return [
            MergePart(find_lora(one.file, one.alpha, layout), one.strength, one.blocks)
            for one in candidate.loras
        ]
    if candidate.lora is None:
        return []
    return [MergePart(find_lora(candidate.lora, candidate.alpha, layout), blocks=candidate.blocks)]
