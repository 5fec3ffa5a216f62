"""Checks of the networks that panels were finished with: what each file is, and whether it does what it must.

The one part of verifying that needs torch; only a bundle with a network of its own has it loaded.
"""

from collections.abc import Iterator, Mapping

from kit.errors import WeightsError
from kit.files.safetensors_files import read_safetensors
from kit.finishing.kept_networks import EMBEDDED_USE, embedded_network
from kit.finishing.network_files import NetworkUse, network_in
from kit.messages import tr
from submissions.bundle.bundle import Bundle
from submissions.bundle.manifest import Manifest, network_files
from submissions.faults import Fault
from submissions.untrusted.lora_reader import MAX_METADATA
from submissions.untrusted.secret_scan import find_leaks


def network_faults(bundle: Bundle, manifest: Manifest) -> Iterator[Fault]:
    """Yield what is wrong with the networks of a bundle; their files are opened in memory alone."""
    uses = {embedded_network(): EMBEDDED_USE}
    for name, sha256 in network_files(manifest).items():
        if name not in manifest.files:
            yield Fault(name, tr("is missing, a panel was finished with this network"), tr("pack again"))
        if name not in bundle.files:
            continue
        if bundle.records[name].sha256 != sha256:
            yield Fault(name, tr("is not the network that a panel was finished with"), tr("pack again"))
            continue
        faults = _form_faults(name, bundle.files[name])
        yield from faults
        if not faults:
            try:
                uses[sha256] = network_in(bundle.files[name], name).use
            except WeightsError as error:
                yield Fault(name, tr("is no network that finishes pictures: it {why}", why=error.__cause__))
    yield from _use_faults(manifest, uses)


def _form_faults(name: str, data: bytes) -> list[Fault]:
    """Return what is wrong with a network's file before a network is made of it."""
    try:
        metadata = read_safetensors(data).metadata
    except ValueError as error:
        return [Fault(name, tr("is not a whole safetensors file: it {error}", error=error))]
    text = "\n".join(f"{key}: {value}" for key, value in sorted(metadata.items()))
    if len(text) > MAX_METADATA:
        told = {"number": len(text), "most": MAX_METADATA}
        return [Fault(name, tr("carries {number} characters of metadata, {most} are the most", **told))]
    return find_leaks(tr("{file} metadata", file=name), text)


def _use_faults(manifest: Manifest, uses: Mapping[str, NetworkUse]) -> Iterator[Fault]:
    """Yield which panels were finished with networks that cannot do it."""
    for panel in manifest.panels:
        for step in panel.chain:
            if step.step not in ("upscale", "restore") or step.finisher not in uses:
                continue
            if problem := uses[step.finisher].fault(step.step, masked=bool(step.mask)):
                yield Fault(panel.file, problem)
