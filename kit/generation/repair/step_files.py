"""What steps of chains are taken with beside a base: masks, networks and an editor, of a run or of a bundle.

RUN/masks holds where pictures of a run were repaired, as white on black, and RUN/finishers the networks that
they were finished with; each file is named by its sha256. An editor is a folder beside the base's.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PIL import Image

from kit.embedded import EMBEDDED
from kit.errors import InputError, RunError, WeightsError
from kit.experiment.references.kept_pictures import kept_bytes
from kit.experiment.run import Run
from kit.experiment.steps import mask_file, network_file
from kit.files.atomic_write import write_atomic
from kit.files.encodings import sha256_bytes
from kit.files.regular_files import read_file
from kit.files.text.library_words import reason_of
from kit.files.user_paths import shell_word
from kit.finishing.finisher import Finisher, open_finisher
from kit.finishing.kept_networks import MOST_KEPT_BYTES, KeptNetwork, embedded_network
from kit.finishing.network_files import network_in
from kit.images.decode import PictureError, open_picture
from kit.images.png_metadata import encoded
from kit.messages import mark, tr
from kit.models.bases.pipeline_files import PipelineFiles, open_editor

if TYPE_CHECKING:
    from kit.generation.pipelines.picture_editor import PictureEditor

ReadBytes = Callable[[str], bytes]
"""Returns the file of a mask or a network, by its sha256; RunError where it is not there."""
OpenEditor = Callable[[], PipelineFiles]
"""Returns the files of the editor that is named; InputError where none is, WeightsError for what is none."""
_SHOWN = 8
"""Characters of a sha256 that people are told."""


class StepFiles:
    """The masks, networks and editor of one run or bundle, by sha256; a network is opened once."""

    def __init__(self, masks: ReadBytes, networks: ReadBytes, editor: OpenEditor, device: str) -> None:
        """Open nothing yet.

        Args:
            masks: reads their files.
            networks: reads theirs.
            editor: looks for it.
            device: where networks are used.
        """
        self._masks, self._networks, self._open_editor = masks, networks, editor
        self._device = device
        self._finishers: dict[str, Finisher] = {}
        self._editor: PictureEditor | None = None

    def mask(self, sha256: str) -> Image.Image:
        """Return a mask, "L"; InputError where it is not there."""
        try:
            return read_mask(self._masks(sha256))
        except (RunError, PictureError) as error:
            told = tr("is not the mask that it is repaired with: put that one back")
            raise InputError(mask_file(sha256), [told]) from error

    def finisher(self, sha256: str) -> Finisher:
        """Return a network, ready; InputError where it is not there, WeightsError where it is none."""
        if sha256 not in self._finishers:
            self._finishers[sha256] = self._opened(sha256)
        return self._finishers[sha256]

    def editor(self, sha256: str) -> "PictureEditor":
        """Return the editor; InputError where none is named or it is another, WeightsError where it is none.

        Args:
            sha256: over its files, as a step names it.
        """
        if self._editor is None:
            files = self._open_editor()
            try:
                from kit.generation.pipelines.picture_editor import PictureEditor
            except ImportError as error:
                raise WeightsError(
                    tr("an InstructPix2Pix needs diffusers: pip install storykit[bases]")
                ) from error
            self._editor = PictureEditor(files, self._device)
        if (found := self._editor.files.digest) != sha256:
            told = tr(
                "the picture is edited with other files ({wanted}) than those of {folder} ({found}): put "
                "those back",
                wanted=sha256[:_SHOWN],
                folder=self._editor.files.folder,
                found=found[:_SHOWN],
            )
            raise InputError("editor", [told])
        return self._editor

    def free_editor(self) -> None:
        """Free the editor's networks, so that there is room for the base's."""
        if self._editor is not None:
            self._editor.unload()

    def _opened(self, sha256: str) -> Finisher:
        if sha256 == embedded_network():
            return open_finisher(EMBEDDED, self._device)
        try:
            data = self._networks(sha256)
        except RunError as error:
            told = tr("is not the network that it is finished with: put that one back")
            raise InputError(network_file(sha256), [told]) from error
        name = network_file(sha256)
        return Finisher(name, sha256, network_in(data, name), self._device)


def files_of(run: Run, device: str) -> StepFiles:
    """Return the masks, the networks and the editor of a run."""
    return StepFiles(
        partial(mask_bytes, run), partial(network_bytes, run), partial(editor_files, run), device
    )


def editor_files(run: Run) -> PipelineFiles:
    """Return the files of the editor that a run names; InputError where it names none."""
    named = run.loaded.experiment.editor
    if named is None:
        told = tr(
            '{folder} names none: write editor = "timbrooks/instruct-pix2pix" into the experiment, or the '
            "folder of another InstructPix2Pix, and type `storykit generate EXPERIMENT.toml --out {word}` "
            "again, which keeps every picture",
            folder=run.folder,
            word=shell_word(run.folder),
        )
        raise InputError("editor", [told])
    return open_editor(named)


def keep_mask(run: Run, mask: Image.Image) -> str:
    """Write a mask, "L", into a run and return its sha256."""
    data = encoded(mask.convert("RGB"))
    sha256 = sha256_bytes(data)
    write_atomic(run.folder / mask_file(sha256), data)
    return sha256


def mask_bytes(run: Run, sha256: str) -> bytes:
    """Return the file of a mask; raises RunError where it is not there or another one."""
    changed = mark("{file} is another mask than a picture was repaired with: put that one back")
    return kept_bytes(run.folder / mask_file(sha256), sha256, changed)


def read_mask(data: bytes) -> Image.Image:
    """Return a mask, "L", from what its file holds."""
    return open_picture(data, ("PNG",)).convert("L")


def keep_network(run: Run, network: KeptNetwork) -> None:
    """Write a network's file into a run; storykit's own is always there."""
    if network.data:
        write_atomic(run.folder / network_file(network.sha256), network.data)


def network_bytes(run: Run, sha256: str) -> bytes:
    """Return the file of a network; raises RunError where it is not there or another one."""
    path = run.folder / network_file(sha256)
    try:
        data = read_file(path, MOST_KEPT_BYTES + 1)
    except OSError as error:
        raise RunError(tr("{file} cannot be read: {error}", file=path, error=reason_of(error))) from error
    if sha256_bytes(data) != sha256:
        raise RunError(
            tr("{file} is another network than a picture was finished with: put that one back", file=path)
        )
    return data
