"""The LoRA files that a run folder keeps: one a candidate, so that every later stage has one."""

from pathlib import Path

from kit.embedded import LORA_PREFIX
from kit.experiment.candidates.candidate import Candidate
from kit.files.atomic_write import copy_atomic, write_atomic
from kit.lora.key_names import config_beside, tensors_file
from kit.lora.lora import find_lora, load_lora
from kit.lora.merge import merge_loras, merged_bytes


def keep_lora(folder: Path, candidate: Candidate) -> Candidate:
    """Copy a candidate's LoRA into a run folder and return the candidate with the copy.

    Several that are worn together become one; their sum is exact.
    """
    if candidate.loras:
        kept = f"loras/{candidate.name}.safetensors"
        loras = [find_lora(lora.file, lora.alpha) for lora in candidate.loras]
        weights = [lora.strength for lora in candidate.loras]
        write_atomic(folder / kept, merged_bytes(merge_loras(loras, weights), loras, weights))
        return candidate.model_copy(update={"lora": kept, "loras": None})
    if candidate.lora is None or candidate.lora.startswith(LORA_PREFIX):
        return candidate
    source = tensors_file(Path(candidate.lora))
    kept = f"loras/{candidate.name}{source.suffix}"
    copy_atomic(source, folder / kept)
    alpha = candidate.alpha
    if config_beside(source) is not None:  # PEFT keeps it in a file of its own, which is not copied
        alpha = load_lora(source, alpha).alpha
    return candidate.model_copy(update={"lora": kept, "alpha": alpha})
