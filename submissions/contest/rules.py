"""A contest's rules as data: one TOML file a contest, each rule with its source."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, PositiveInt, StringConstraints

from eval.metrics.registry import judgeable
from kit.did_you_mean import did_you_mean
from kit.errors import InputError
from kit.experiment.fields import Flag, one_of
from kit.files.documents import read_toml
from kit.messages import joined, tr

SHIPPED = Path(__file__).parent
"""The folder of the contests that storykit knows."""

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
"""Text that says something."""


def _fillable(pattern: str, *fields: str) -> str:
    """Return the pattern if it has exactly these fields in braces, each once."""
    for field in fields:
        if pattern.count(f"{{{field}}}") != 1:
            raise ValueError(
                tr("must hold {{{field}}} exactly once, got {pattern!r}", field=field, pattern=pattern)
            )
    if not pattern.count("{") == pattern.count("}") == len(fields):
        raise ValueError(
            tr(
                "holds a field other than {fields}: {pattern!r}",
                fields=joined(fields, tr(", ")),
                pattern=pattern,
            )
        )
    return pattern


NamePattern = Annotated[Words, AfterValidator(lambda text: _fillable(text, "team", "title"))]
PostPattern = Annotated[Words, AfterValidator(lambda text: _fillable(text, "link", "team"))]


class Rule(BaseModel, frozen=True, extra="forbid"):
    """One rule of a contest."""

    source: Words
    """Where the rule was read."""


Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class BaseRule(Rule, frozen=True):
    """Which base an entry is drawn with."""

    name: Words
    """As a run records it."""
    sha256: Mapping[Words, tuple[Sha256, ...]] = {}
    """By file of the base what it may be; a file that an entry does not list is not asked for."""


class PanelsRule(Rule, frozen=True):
    """How many panels an entry has."""

    count: PositiveInt


class GateRule(Rule, frozen=True):
    """The score an entry must reach to be valid."""

    threshold: float = Field(allow_inf_nan=False)
    """Least mean aesthetic score of the panels; reaching it is enough."""
    scorer: Words
    """The head that the contest scores with."""
    embedded: Flag
    """Whether a score by storykit's embedded head counts for this contest."""


class LoraRule(Rule, frozen=True):
    """Whether an entry must hold a LoRA."""

    required: Flag


class DisplayNameRule(Rule, frozen=True):
    """How the LoRA is named where it is published."""

    pattern: NamePattern
    placeholders: tuple[Words, ...]
    """Words of the pattern that nobody may leave in as team or title."""


class PostRule(Rule, frozen=True):
    """How the post that hands the entry in is titled."""

    form: Words
    """The form of the title word for word, as the contest gives it."""
    title: PostPattern
    where: Words


class IntroductionRule(Rule, frozen=True):
    """What an introduction of the LoRA must be."""

    minimum: PositiveInt
    """Least number of characters."""
    placeholders: tuple[Words, ...]
    """Texts that show that nobody has written one yet."""


class FilesRule(Rule, frozen=True):
    """The files a bundle must hold besides the panels and the LoRA."""

    required: tuple[Words, ...]


class StepsRule(Rule, frozen=True):
    """What may be done to a picture after it was drawn."""

    finish: Flag
    """Whether it may be made larger or cleaner: refined, enlarged, restored."""


class DeadlineRule(Rule, frozen=True):
    """Until when an entry counts."""

    at: AwareDatetime | None = None
    """The last moment, with its time zone; none where no source names it."""


class RankingPart(BaseModel, frozen=True, extra="forbid"):
    """One of the things that entries are ranked by."""

    name: Words
    weight: Annotated[float, Field(gt=0, le=1)]
    metric: Annotated[str, AfterValidator(lambda name: one_of(name, judgeable()))] | None = None
    """The score that stands for it; none where judges alone can say."""


def _adding_up(parts: tuple[RankingPart, ...]) -> tuple[RankingPart, ...]:
    """Return the parts if their weights are a whole and one of them can be measured."""
    total = math.fsum(part.weight for part in parts)
    if not math.isclose(total, 1):
        raise ValueError(tr("must have weights that add up to 1, got {total:g}", total=total))
    if all(part.metric is None for part in parts):
        raise ValueError(tr("must have a metric for at least one part"))
    return parts


class RankingRule(Rule, frozen=True):
    """What valid entries are ranked by."""

    part: Annotated[tuple[RankingPart, ...], AfterValidator(_adding_up)]


class Rules(BaseModel, frozen=True, extra="forbid"):
    """All rules of one contest."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: Words
    practice: Flag
    """Whether entries made with the embedded base are meant for this contest."""
    base: BaseRule | None = None
    """None where any base may be used."""
    panels: PanelsRule
    gate: GateRule
    lora: LoraRule
    display_name: DisplayNameRule
    post: PostRule
    introduction: IntroductionRule
    files: FilesRule
    steps: StepsRule | None = None
    """None where no source says anything of it: then all may be done."""
    deadline: DeadlineRule
    ranking: RankingRule

    def name_of(self, team: str, title: str) -> str:
        """Return the name under which the LoRA is published."""
        return self.display_name.pattern.format(team=team, title=title)

    def post_title(self, team: str, link: str) -> str:
        """Return the title of the post that hands the entry in."""
        return self.post.title.format(team=team, link=link)


def shipped_rules() -> tuple[str, ...]:
    """Return the names of the contests that storykit knows.

    >>> shipped_rules()
    ('course-example', 'kolors-2024', 'practice')
    """
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.toml")))


def load_rules(which: str) -> Rules:
    """Return the rules of a contest that storykit knows, or of a TOML file (a path that ends in .toml)."""
    if which.endswith(".toml"):
        return read_toml(Path(which), Rules, wanted="rules")
    if which not in shipped_rules():
        known = joined(shipped_rules(), tr(", "))
        near = did_you_mean(which, shipped_rules(), cutoff=0.5)
        told = tr(
            "unknown contest {contest!r}, known are {known} (or give a .toml file){near}",
            contest=which,
            known=known,
            near=near,
        )
        raise InputError("rules", [told])
    return read_toml(SHIPPED / f"{which}.toml", Rules)
