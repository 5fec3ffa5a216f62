"""The stage that verifies: is a bundle what it says, by its form, files, hashes and rules. Draws nothing."""

from collections.abc import Iterator

from kit.messages import tr
from submissions.bundle.bundle import Bundle
from submissions.bundle.manifest import EMBEDDED_NOTICE, MANIFEST, Manifest
from submissions.contest.rules import Rules, load_rules, shipped_rules
from submissions.faults import Fault
from submissions.verification.comparison_checks import comparison_faults
from submissions.verification.file_checks import file_faults
from submissions.verification.likeness_checks import likeness_faults
from submissions.verification.lora_checks import embedding_faults, lora_claim_faults
from submissions.verification.manifest_checks import agreement_faults
from submissions.verification.network_checks import network_faults
from submissions.verification.origin_checks import origin_faults
from submissions.verification.rule_checks import rule_faults
from submissions.verification.score_checks import score_faults


def verify(bundle: Bundle, rules: Rules | None = None) -> tuple[Fault, ...]:
    """Return everything that is wrong with a bundle; nothing is written to disk.

    Args:
        bundle: The bundle, opened.
        rules: The contest's rules; by default those that the bundle names, if storykit knows them.
    """
    return tuple(_faults(bundle, rules))


def _faults(bundle: Bundle, rules: Rules | None) -> Iterator[Fault]:
    yield from bundle.faults
    manifest = bundle.manifest
    if manifest is None:
        yield from file_faults(bundle)
        return
    # of its own accord a bundle gets rules that storykit ships, from nowhere else
    known = rules or (load_rules(manifest.rules) if manifest.rules in shipped_rules() else None)
    yield from content_faults(bundle, manifest, known)
    if known is None:
        problem = tr("is for the contest {contest!r}, which storykit does not know", contest=manifest.rules)
        yield Fault(MANIFEST, problem, tr("give the contest's rules file"))
    elif manifest.notice and not known.practice:
        yield Fault(
            MANIFEST, tr(EMBEDDED_NOTICE), tr("draw it with Kolors, or pack it with --rules practice")
        )


def content_faults(bundle: Bundle, manifest: Manifest, rules: Rules | None) -> Iterator[Fault]:
    """Yield everything that is wrong with what a bundle holds; without rules, what is wrong by itself."""
    yield from file_faults(bundle)
    yield from agreement_faults(bundle, manifest)
    yield from origin_faults(manifest)
    yield from score_faults(bundle.files, manifest)
    yield from comparison_faults(bundle.files, manifest)
    if manifest.lora and bundle.lora:
        yield from lora_claim_faults(manifest.lora, bundle.lora)
    yield from embedding_faults(bundle, manifest)
    yield from network_faults(bundle, manifest)
    yield from likeness_faults(bundle, manifest)
    if rules is not None:
        yield from rule_faults(bundle.files, manifest, rules)
