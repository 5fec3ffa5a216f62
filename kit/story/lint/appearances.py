"""Who is in which panel of a story, in which words and where in the prompt."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from kit.story.lexicon import SORT_OF, figures_in, simplified
from kit.story.lint.phrases import head_of, is_counted, is_crowd, names_in, phrase_around, places_of
from kit.story.lint.pieces import READ, Piece, pieces_of
from kit.story.prompt import prompt_of
from kit.story.story import PANELS, Story

_JOINED = re.compile(r"(?:[和与跟及、]|还有|(?<![a-z])(?:and|with))\s*$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Appearance:
    """A figure in a panel."""

    panel: int
    """From 1 to 8."""
    who: str
    """The name under [characters], else the kind of figure; empty where it could be one of several."""
    kind: str
    """Such as girl or cat; empty where the words are not known."""
    noun: str
    """What it is called, as it is written."""
    start: int
    """Where its words begin in the prompt."""
    end: int
    named: bool = False
    """Whether the words are those under [characters]."""
    leads: bool = True
    """Whether something is said of it, not only of what is done to it."""
    counted: bool = False
    """Whether the words introduce it: "a girl", not "girl" or "the girl"."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A story's prompts and who is in them."""

    story: Story
    prompts: Sequence[str]
    """As the story's own order gives them, without a trigger, as far as anybody reads."""
    whole: Sequence[str]
    """The same to their ends."""
    names: Mapping[str, str]
    """Names that prompts explain, and the kind of each figure."""
    pieces: Sequence[Sequence[Piece]]
    """The clauses of each prompt."""
    appearances: Sequence[Appearance]
    """From the first panel to the last, from left to right, each figure once a panel."""

    def cast(self) -> Mapping[str, Sequence[Appearance]]:
        """Return where each figure is that can be told from others."""
        cast: dict[str, list[Appearance]] = defaultdict(list)
        for one in self.appearances:
            if one.who:
                cast[one.who].append(one)
        return cast

    def in_panel(self, panel: int) -> list[Appearance]:
        """Return who is in a panel (1 to 8)."""
        return [one for one in self.appearances if one.panel == panel]

    def hero(self) -> str:
        """Return who is in most panels, the first of several; empty where nobody is."""
        cast = self.cast()
        return max(cast, key=lambda who: len(cast[who]), default="")

    def words(self, one: Appearance) -> str:
        """Return the words of a figure in a panel."""
        return self.prompts[one.panel - 1][one.start : one.end]

    def about(self, one: Appearance) -> str:
        """Return all that a prompt says about a figure."""
        prompt, others = self.prompts[one.panel - 1], self.in_panel(one.panel)
        animal = SORT_OF.get(one.kind) in ("animals", "known_animals")
        if not animal:
            others = [
                other for other in others if SORT_OF.get(other.kind) not in ("animals", "known_animals")
            ]
        after = [other.start for other in others if other.start > one.start]
        first = not animal and all(other.start >= one.start for other in others)
        return prompt[0 if first else one.start : min(after, default=len(prompt))]


def read_story(story: Story) -> Reading:
    """Return a story's prompts and who is in them."""
    whole = [prompt_of(story, panel, "authored") for panel in range(PANELS)]
    prompts = [prompt[:READ] for prompt in whole]
    pieces = [pieces_of(story, panel) for panel in range(PANELS)]
    names = names_in(prompts)
    found = [
        one
        for panel, (prompt, inside) in enumerate(zip(prompts, pieces, strict=True))
        for one in _with_names(panel, prompt, _shown_in(story, panel, prompt, inside), names)
    ]
    return Reading(
        story=story,
        prompts=prompts,
        whole=whole,
        names=names,
        pieces=pieces,
        appearances=_told_apart(found),
    )


def _shown_in(story: Story, panel: int, prompt: str, pieces: Sequence[Piece]) -> Iterator[Appearance]:
    if story.panels[panel].prompt is not None:
        yield from _in_plain(story, panel, prompt, pieces)
    else:
        yield from _in_clauses(story, panel, prompt, pieces)


def _in_clauses(story: Story, panel: int, prompt: str, pieces: Sequence[Piece]) -> Iterator[Appearance]:
    """Yield whom the subjects of a panel show; where it has none, whom its other clauses do."""
    clauses = story.panels[panel].clauses
    told = any(clause.role == "subject" for clause in clauses)
    subjects = {"subject"} if told else {"action", "place", "unknown"}
    for clause, piece in zip(clauses, pieces, strict=False):
        if clause.character is not None:
            yield _described(panel, clause.character, piece.text, piece.start)
        elif clause.role in subjects:
            inside = list(_called(panel, prompt, [piece]))
            if clause.role == "subject" and not figures_in(piece.text) and not is_crowd(piece.text):
                inside = [_unknown(panel, piece)]
            yield from inside


def _unknown(panel: int, piece: Piece) -> Appearance:
    """Return a figure that no lexicon knows."""
    start, end = piece.start, piece.start + len(piece.text)
    return Appearance(
        panel=panel + 1, who=head_of(piece.text), kind="", noun=piece.text, start=start, end=end
    )


def _in_plain(story: Story, panel: int, prompt: str, pieces: Sequence[Piece]) -> Iterator[Appearance]:
    described = [
        _described(panel, name, one.text, prompt.find(one.text))
        for name, one in story.characters.items()
        if one.text in prompt
    ]
    taken = [(one.start, one.end) for one in described]
    called = [
        one
        for one in _called(panel, prompt, pieces)
        if not any(start < one.end and one.start < end for start, end in taken)
    ]
    yield from sorted([*described, *called], key=lambda one: one.start)


def _with_names(
    panel: int, prompt: str, found: Iterator[Appearance], names: Mapping[str, str]
) -> Iterator[Appearance]:
    """Yield the figures of a prompt, and those that it calls by a name which another prompt explains."""
    shown = list(found)
    for name, kind in names.items():
        place = next(places_of(prompt, name), None)
        if place is None or any(one.kind == kind for one in shown):
            continue
        end = place + len(name)
        shown = [one for one in shown if one.kind or one.named or not one.start <= place < one.end]
        shown.append(Appearance(panel=panel + 1, who=kind, kind=kind, noun=name, start=place, end=end))
    yield from sorted(shown, key=lambda one: one.start)


def _described(panel: int, name: str, text: str, start: int) -> Appearance:
    """Return a figure in the words under [characters]."""
    inside = list(figures_in(text))
    return Appearance(
        panel=panel + 1,
        who=name,
        kind=inside[0].kind if inside else "",
        noun=text[inside[0].start : inside[0].end] if inside else text,
        start=start,
        end=start + len(text),
        named=True,
    )


def _called(panel: int, prompt: str, pieces: Sequence[Piece]) -> Iterator[Appearance]:
    """Yield who is in some pieces of a prompt, in whatever words."""
    low, floor = simplified(prompt), 0
    for piece in pieces:
        if piece.style:
            continue
        for figure in figures_in(piece.text):
            start, end = piece.start + figure.start, piece.start + figure.end
            first, last = phrase_around(low, start, end, max(floor, 0))
            if is_crowd(low[:start]):
                continue
            opening = low[piece.start : first].strip() if first >= piece.start else ""
            yield Appearance(
                panel=panel + 1,
                who=figure.kind,
                kind=figure.kind,
                noun=prompt[start:end],
                start=first,
                end=last,
                leads=not opening or bool(_JOINED.search(low[:first])),
                counted=is_counted(low[first:end]),
            )
            floor = end


def _told_apart(found: Sequence[Appearance]) -> list[Appearance]:
    """Return the figures under the names that they have, those of one kind in one panel under none."""
    described = {one.who: one for one in found if one.named}
    panels = Counter((one.panel, one.kind) for one in found if one.kind and not one.named and one.counted)
    twins = {kind for (_, kind), count in panels.items() if count > 1}
    child = _only_child(found)
    seen: set[tuple[int, str]] = set()
    told = []
    for one in found:
        if not one.named and one.kind:
            kind = child if one.kind == "child" and child else one.kind
            one = replace(one, who="" if kind in twins else _who(one, kind, list(described.values())))
        if one.who and (one.panel, one.who) in seen:
            continue
        seen.add((one.panel, one.who))
        told.append(one)
    return told


def _who(one: Appearance, kind: str, described: Sequence[Appearance]) -> str:
    """Return who a figure of a kind is: the character of that kind, of several the one called alike."""
    alike = [other.who for other in described if other.kind == kind]
    if len(alike) > 1:
        alike = [other.who for other in described if other.kind == kind and other.noun == one.noun]
        return alike[0] if len(alike) == 1 else ""
    return alike[0] if alike else kind


def _only_child(found: Sequence[Appearance]) -> str:
    """Return whom "the child" means: the only girl or boy of the story; empty where nobody can say."""
    panels = {kind: {one.panel for one in found if one.kind == kind} for kind in ("child", "girl", "boy")}
    others = [kind for kind in ("girl", "boy") if panels[kind]]
    return others[0] if len(others) == 1 and not panels[others[0]] & panels["child"] else ""
