"""What is not as it was when a bundle was drawn: base, device, versions, ControlNets."""

from collections.abc import Iterable, Iterator, Mapping

from kit.experiment.drawing.draw_settings import DrawSettings
from kit.generation.devices.processor import cpu_arithmetic
from kit.generation.painter import Painter
from kit.generation.recipe import versions_for
from kit.messages import joined, tr
from kit.models.bases.controlnet_files import controlnet_identity, open_controlnet
from kit.models.ip_adapter.adapter_files import open_ip_adapter
from submissions.bundle.manifest import Manifest
from submissions.reproduction.controls import NetworkFolders


def changes(manifest: Manifest, painter: Painter) -> Iterator[str]:
    """Yield what differs from the drawing of the bundle, as one reads it in a list of reasons."""
    yield from _differences({**manifest.base, "sha256": None}, {**painter.identity, "sha256": None})
    then, here = manifest.base.get("sha256"), painter.identity.get("sha256")
    if isinstance(then, Mapping) and isinstance(here, Mapping):
        others = sorted(str(file) for file in then.keys() | here.keys() if then.get(file) != here.get(file))
        if others:
            yield tr("other weights in {files}", files=joined(others, tr(", ")))
    yield from _elsewhere(manifest, painter)


def _elsewhere(manifest: Manifest, painter: Painter) -> Iterator[str]:
    """Yield what differs from drawing on each of the machines that may have drawn the bundle."""
    machines = manifest.machines
    devices = list(dict.fromkeys(machine.get("device") for machine in machines))
    if devices != [painter.hardware]:
        yield tr("drawn on {device}, was {before}", device=painter.hardware, before=_all_told(devices))
        if manifest.settings.noise == "contest":
            yield tr("the contest's noise is drawn on the device itself, each has its own")
    versions = [told for machine in machines if isinstance(told := machine.get("versions"), Mapping)]
    now = versions_for(manifest.base, DrawSettings(**manifest.settings.model_dump(exclude={"scheduler"})))
    for package, version in now.items():
        then = list(dict.fromkeys(told.get(package) for told in versions))
        if versions and then != [version]:
            yield tr("{name} {now}, was {before}", name=package, now=version, before=_all_told(then))


def _all_told(values: Iterable[object]) -> str:
    """Return what several machines had, this one's too where it is among them: all of it was."""
    return joined(map(str, values), tr(" and "))


def processor_changes(manifest: Manifest, painter: Painter) -> list[str]:
    """Return what of a CPU is not as it was, or not known to be; nothing on a GPU or on the same CPU."""
    if painter.hardware != "cpu":
        return []
    here = cpu_arithmetic()
    before = list(dict.fromkeys(machine.get("processor") for machine in manifest.machines))
    if here is not None and before == [here]:
        return []
    told = _all_told(then or tr("not recorded") for then in before)
    return [tr("processor {processor}, was {before}", processor=here or tr("unknown"), before=told)]


def _differences(then: Mapping[str, object], now: Mapping[str, object]) -> Iterator[str]:
    """Yield what is no longer as it was."""
    for name, value in then.items():
        if now.get(name) != value:
            yield tr("{name} {now}, was {before}", name=name, now=now.get(name), before=value)


def other_networks(manifest: Manifest, networks: NetworkFolders) -> Iterator[str]:
    """Yield which networks beside the base are others than those that the panels were drawn with."""
    controlnets = networks.controlnets
    for kind, files in manifest.controlnets.items():
        if open_controlnet(controlnets[kind]).identity != controlnet_identity(files):
            yield tr("another ControlNet for {kind}", kind=kind)
    read_by = {one.adapter for panel in manifest.panels for one in panel.image_prompts}
    if read_by and networks.ip_adapter and {open_ip_adapter(networks.ip_adapter).identity} != read_by:
        yield tr("another IP-Adapter")
