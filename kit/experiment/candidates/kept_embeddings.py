"""The embeddings of candidates: read for their base, and kept in a run folder in one form."""

from pathlib import Path

from kit.errors import LoraError
from kit.experiment.candidates.candidate import Candidate, WornEmbedding, embedding_file
from kit.files.atomic_write import write_atomic
from kit.lora.pipelines.embeddings import Embedding, embedding_bytes, read_embedding
from kit.messages import tr
from kit.models.bases.base_parts import BaseChoice


def embeddings_of(candidate: Candidate, base: BaseChoice) -> tuple[Embedding, ...]:
    """Return a candidate's embeddings; LoraError where one does not fit the base, or two have one word."""
    told = tuple(read_embedding(Path(one.file), one.token, base) for one in candidate.embeddings or ())
    tokens = [one.token for one in told]
    if twice := next((token for token in tokens if tokens.count(token) > 1), None):
        raise LoraError(
            tr(
                "candidate {candidate}: two embeddings are called {token}: name another token for "
                "one of them",
                candidate=candidate.name,
                token=twice,
            )
        )
    return told


def keep_embeddings(folder: Path, candidate: Candidate, base: BaseChoice) -> Candidate:
    """Write a candidate's embeddings into a run folder and return the candidate with them."""
    if not candidate.embeddings:
        return candidate
    kept: list[WornEmbedding] = []
    for one in embeddings_of(candidate, base):
        write_atomic(folder / embedding_file(one.sha256), embedding_bytes(one.vectors))
        kept.append(WornEmbedding(file=embedding_file(one.sha256), token=one.token))
    return candidate.model_copy(update={"embeddings": tuple(kept)})
