import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from kit.errors import LoraError
from kit.experiment.candidates.candidate import Candidate, embedding_file
from kit.experiment.candidates.kept_embeddings import embeddings_of, keep_embeddings


def base_in(folder: Path) -> str:
    for part in ("text_encoder", "tokenizer"):
        (folder / part).mkdir(parents=True)
    (folder / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    (folder / "text_encoder" / "config.json").write_text(json.dumps({"hidden_size": 4}))
    return str(folder)


def test_what_is_kept_is_read_as_it_was(tmp_path: Path) -> None:
    base, file = base_in(tmp_path / "base"), tmp_path / "fox.safetensors"
    save_file({"emb_params": torch.ones(2, 4)}, file)
    asked = Candidate.model_validate({"name": "a", "embeddings": [str(file)]})
    kept = keep_embeddings(tmp_path / "run", asked, base)
    (one,) = kept.embeddings or ()
    (read,) = embeddings_of(asked, base)
    assert (one.file, one.token) == (embedding_file(read.sha256), "fox")
    assert load_file(tmp_path / "run" / one.file).keys() == {"emb_params"}
    moved = one.model_copy(update={"file": str(tmp_path / "run" / one.file)})
    assert embeddings_of(kept.model_copy(update={"embeddings": (moved,)}), base) == (read,)


def test_a_candidate_without_any_is_written_as_before() -> None:
    bare = Candidate(name="a")
    assert keep_embeddings(Path("nowhere"), bare, "mini") is bare
    assert "embeddings" not in bare.model_dump(exclude_none=True)


def test_two_embeddings_of_one_word_are_refused(tmp_path: Path) -> None:
    base, file = base_in(tmp_path / "base"), tmp_path / "fox.safetensors"
    save_file({"emb_params": torch.ones(2, 4)}, file)
    asked = Candidate.model_validate({"name": "a", "embeddings": [str(file), str(file)]})
    with pytest.raises(LoraError, match="two embeddings are called fox: name another token"):
        embeddings_of(asked, base)
