"""What steps of chains are taken with beside a base: masks and networks, of a run or of a bundle.

RUN/masks holds where pictures of a run were repaired, as white on black, and RUN/finishers the networks that
they were finished with; each file is named by its sha256.
"""

from collections.abc import Callable
from functools import partial

from PIL import Image

from kit.embedded import EMBEDDED
from kit.errors import InputError, RunError
from kit.experiment.run import Run
from kit.experiment.steps import mask_file, network_file
from kit.files.atomic_write import write_atomic
from kit.files.encodings import sha256_bytes
from kit.files.text.library_words import reason_of
from kit.finishing.finisher import Finisher, open_finisher
from kit.finishing.kept_networks import MOST_KEPT_BYTES, KeptNetwork, embedded_network
from kit.finishing.network_files import network_in
from kit.images.decode import PictureError, open_picture, read_picture_file
from kit.images.png_metadata import encoded
from kit.messages import tr

ReadBytes = Callable[[str], bytes]
"""Returns the file of a mask or a network, by its sha256; RunError where it is not there."""


class StepFiles:
    """The masks and networks of one run or bundle, by sha256; a network is opened once."""

    def __init__(self, masks: ReadBytes, networks: ReadBytes, device: str) -> None:
        """Open nothing yet.

        Args:
            masks: reads their files.
            networks: reads theirs.
            device: where networks are used.
        """
        self._masks, self._networks, self._device = masks, networks, device
        self._finishers: dict[str, Finisher] = {}

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
    """Return the masks and networks of a run."""
    return StepFiles(partial(mask_bytes, run), partial(network_bytes, run), device)


def keep_mask(run: Run, mask: Image.Image) -> str:
    """Write a mask, "L", into a run and return its sha256."""
    data = encoded(mask.convert("RGB"))
    sha256 = sha256_bytes(data)
    write_atomic(run.folder / mask_file(sha256), data)
    return sha256


def mask_bytes(run: Run, sha256: str) -> bytes:
    """Return the file of a mask; raises RunError where it is not there or another one."""
    path = run.folder / mask_file(sha256)
    try:
        data = read_picture_file(path)
    except PictureError as error:
        raise RunError(tr("{file} {error}", file=path, error=str(error))) from error
    if sha256_bytes(data) != sha256:
        raise RunError(
            tr("{file} is another mask than a picture was repaired with: put that one back", file=path)
        )
    return data


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
        with path.open("rb") as file:
            data = file.read(MOST_KEPT_BYTES + 1)
    except OSError as error:
        raise RunError(tr("{file} cannot be read: {error}", file=path, error=reason_of(error))) from error
    if sha256_bytes(data) != sha256:
        raise RunError(
            tr("{file} is another network than a picture was finished with: put that one back", file=path)
        )
    return data
