"""Who draws for a command, while the terminal shows that the base is looked for and checked."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from kit.messages import tr
from storykit.cli.terminal.console import say_worker
from storykit.cli.terminal.progress import progress_bar
from storykit.cli.terminal.usage_errors import refuse_both

if TYPE_CHECKING:
    from kit.generation.painter import Painter
    from kit.models.bases.base_parts import BaseChoice


@contextmanager
def ready_painters(base: "BaseChoice", devices: str, ray: str = "") -> "Iterator[Sequence[Painter]]":
    """Yield who draws, here or on a cluster of Ray; that the base is looked for and checked is shown."""
    from kit.generation.devices.multi_gpu import painters_on

    refuse_both(devices, ray)
    with ExitStack() as stack:
        with progress_bar(tr("loading"), transient=True) as progress:
            progress.note(tr("checking the base"))
            painters = stack.enter_context(painters_on(base, devices, ray, say_worker))
        yield painters
