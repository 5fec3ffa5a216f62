"""What is said of torch, of each GPU and of what it allows."""

from collections.abc import Iterator

from kit.doctor.diagnosis import Diagnosis, fault, note, ok
from kit.doctor.torch_facts import GpuFacts, TorchAnswer, TorchFacts
from kit.generation.devices.device_memory import LOW_GIB, allowed_by
from kit.messages import tr

IN_USE_GIB = 1.0
"""What others may have of a GPU before it is worth a word; a screen takes less."""


def torch_lines(answer: TorchAnswer, tested: str) -> Iterator[Diagnosis]:
    """Yield what is to be said.

    Args:
        answer: what came of asking torch.
        tested: the version of torch that was tested.
    """
    again = tr("install it again: `pip install --force-reinstall torch=={tested}`", tested=tested)
    if answer.torch is None:
        if answer.late:
            yield note("torch", tr("torch took too long to be looked at: a slow disk, or much else to do"))
        else:
            yield fault("torch", tr("torch cannot be imported: {reason}", reason=answer.error), again)
        return
    yield ok("torch", _built(answer.torch))
    yield from _gpu_lines(answer.torch)
    if answer.draws:
        yield ok("drawing", tr("everything that draws can be imported"))
    elif answer.late:
        yield note("drawing", tr("not every library could be tried in time: a slow disk, or much else to do"))
    else:
        yield fault(
            "drawing",
            tr("a library that draws cannot be imported: {reason}", reason=answer.error),
            tr("install storykit again, with the versions of constraints.txt"),
        )


def _built(torch: TorchFacts) -> str:
    if torch.cuda is None:
        return tr("torch {version}, for the CPU alone", version=torch.version)
    return tr("torch {version} with {cuda}", version=torch.version, cuda=_named(torch.cuda))


def _named(cuda: str) -> str:
    return cuda if cuda.startswith("ROCm") else f"CUDA {cuda}"


def _gpu_lines(torch: TorchFacts) -> Iterator[Diagnosis]:
    if not torch.gpus:
        told = tr("no GPU that torch can use: the embedded base draws on the CPU, Kolors wants a GPU")
        if torch.cuda is None:
            yield note("gpu", told, tr("with a GPU in this machine, install a torch that is built for it"))
        else:
            yield note(
                "gpu",
                told,
                tr("with a GPU in this machine, see whether `nvidia-smi` works; its driver may lack"),
            )
    for number, gpu in enumerate(torch.gpus):
        yield _gpu_line(f"gpu.{number}", gpu)


def _gpu_line(id_: str, gpu: GpuFacts) -> Diagnosis:
    """Return how Kolors is drawn with what is free of a GPU."""
    if gpu.error:
        return note(
            id_,
            tr("{name} cannot be used: {reason}", name=gpu.name, reason=gpu.error),
            tr("end the program that has it (`nvidia-smi` names it), or draw on another: --devices"),
        )
    memory = tr(
        "{name}, {free:.1f} of {total:.1f} GiB free", name=gpu.name, free=gpu.free_gib, total=gpu.total_gib
    )
    now, alone = allowed_by(gpu.free_gib), allowed_by(gpu.total_gib - 0.5)
    others = tr("end other programs that use it; `nvidia-smi` names them")
    if now.memory == "auto":
        told = tr("{gpu}: Kolors draws {panels} panels at once", gpu=memory, panels=now.panels)
        return note(id_, told, others) if alone.panels > now.panels else ok(id_, told)
    if now.memory == "low":
        told = tr('{gpu}: Kolors needs memory = "low" in the experiment', gpu=memory)
        return note(id_, told, others if alone.memory == "auto" else "")
    told = tr(
        "{gpu}: too little for Kolors ({low:.1f} GiB); the embedded base can draw", gpu=memory, low=LOW_GIB
    )
    return note(id_, told, others if alone.memory else "")
