"""Lists as chat models write them: a heading a panel, below it lines such as `提示词：…` and `旁白：…`."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from kit.messages import joined, mark, tr
from kit.story.importing.columns import Column, best_prompt, label_of, plain_name, without_pictures_in_front
from kit.story.importing.foreign_story import (
    ForeignPanel,
    ForeignStory,
    NoStory,
    check_rows,
    one_line,
    unquoted,
)
from kit.story.importing.markdown_tables import plain_cell
from kit.story.importing.panel_numbers import (
    Numbered,
    are_counted,
    check_numbers,
    miscounted,
    numbered,
    with_dots,
)
from kit.story.importing.plain_lines import title_in
from kit.story.story import PANELS

_OPENING = re.compile(r"^(?:\s|>|#{1,6}\s|[-+•·]\s|\*(?!\*)\s)+")
_FOR_ALL = re.compile(r"统一|通用|全局|公共|整体|所有|共用|shared|common|global|all|universal", re.IGNORECASE)
_COMMAS = ("，", ",", "、", "；", ";")
_COMMAND = re.compile(r"^\s*/imagine\s+(?=prompt)")
_ITEM = re.compile(r"^[\s>]*(?:[-+•·*]|#{1,6})\s")
_RULE = re.compile(
    r"^[-=*_—~]{3,}$|^[\d:,.]+ --> [\d:,.]+$|^<[^<>]{1,300}>$|^!\[[^\]]{0,200}\]\([^)]{0,300}\)$"
)
"""A line between paragraphs: also a picture; subtitles have times."""
_TITLED = re.compile(r"^[（(【\[]([^）)】\]]{1,20})[）)】\]]\s*[:：]\s*(?=\S)")
_FENCE = re.compile(r"^(?:`{3,}|~{3,})\s*(\w*)")
_CODE = ("python", "py", "ipython", "bash", "shell", "sh", "cmd", "json", "yaml", "yml")
"""Languages of code between fences, which is no list."""
_STRESSED = re.compile(r"^\*\*([^*]{1,200})\*\*\s*[:：]?\s*")
_LABEL = re.compile(r"^(?P<name>[^:：，。,;；!！?？]{1,24}?)\s*[:：]\s*(?P<value>.*)$")
_BRACKETED = re.compile(r"^【([^】]{1,12})】\s*[:：]?\s*")
_INLINE = re.compile(
    r"(?<=[\w。”’）)】！？；，｜])(?<!中文)(?<!英文)(?<!绘画)(?<!正向)(?<!负面)(?<!反向)"
    r"(?:\s*[；;|｜，,]\s*|\s+|(?<=[。！？；，】])|(?=【))(?="
    r"【(?:正向|正面|负面|反向|绘画|中文)?(?:提示词|旁白|文案|画面|画面描述|字幕)】"
    r"|\**(?:(?:正向|正面|负面|反向|绘画|中文)?提示词|旁白|文案|画面描述)\**\s*[:：])"
    r"|(?<=[.;|!?)\]\"'”`。；])\s*(?=\**(?:negative |positive )?prompt\**\s*:)",
    re.IGNORECASE,
)
"""Before a label in the midst of a line."""
_PANELS = mark("must have exactly {wanted} panels, one a panel, got {got}; {mend}")
_UNLABELLED = mark("line {line}: no panel has a line that begins 提示词： or Prompt:")
_PICTURED = mark(
    "line {line}: no panel has a line that begins 提示词： or Prompt:; write so for 画面 if it is what shall "
    "be drawn"
)
_READ: frozenset[Column] = frozenset({"prompt", "negative", "caption", "picture", "title"})


@dataclass(slots=True)
class _Item:
    """One panel of a list while it is read."""

    line: int
    number: int | None = None
    title: str = ""
    paragraphs: list[list[str]] = field(default_factory=lambda: [[]])
    """Lines without a label; the first ones stand right below the title."""
    said: dict[Column, list[str]] = field(default_factory=dict)
    prompts: dict[str, list[str]] = field(default_factory=dict)
    """By their labels, where a panel has them in two languages."""
    faults: list[str] = field(default_factory=list)
    """Lines of which it cannot be told whether they belong to a prompt."""
    broken: str = ""
    """Why the text below the title cannot be told from other words."""

    def text(self, column: Column) -> str:
        """Return what stands under labels of a kind, in one line."""
        return one_line(" ".join(self.said.get(column, ())))

    def told(self) -> bool:
        """Return whether anything but a negative prompt stands under a label."""
        return bool(self.said.keys() - {"negative"})

    def below(self) -> str:
        """Return the words without a label right below the title."""
        return one_line(" ".join(self.paragraphs[0]))

    def body(self) -> list[str]:
        """Return the paragraphs without a label that say anything."""
        return [words for lines in self.paragraphs if (words := one_line(" ".join(lines)))]


class _ListReader:
    """Where in a text we are, and the lists that were found."""

    def __init__(self) -> None:
        self.lists: list[list[_Item]] = []
        self.left_out: list[str] = []
        self.shared = ""
        """What no panel shall show, where a list says it once."""
        self._open: list[str] | None = None
        """The lines of the label that was last read, as long as no blank line ended it."""
        self._fenced = self._code = self._named = False

    def read(self, line: int, text: str) -> None:
        """Take one line."""
        if fence := _FENCE.match(text.strip()):
            self._fenced = not self._fenced
            self._code = self._fenced and fence[1].casefold() in _CODE
            return
        if self._code:
            return
        bare = without_pictures_in_front(_OPENING.sub("", text))
        if not bare or _RULE.match(bare):
            self._end_paragraph()
        elif not self._heads(line, bare) and not self._labels(line, bare):
            self._continues(line, bare, _ITEM.match(text) is not None)

    def _end_paragraph(self) -> None:
        if self._open and not self._fenced:
            self._open = None
        if self.lists and (self.lists[-1][-1].paragraphs[-1] or len(self.lists[-1][-1].paragraphs) == 1):
            self.lists[-1][-1].paragraphs.append([])

    def _heads(self, line: int, bare: str) -> bool:
        """Take the heading of a panel; return whether it is one."""
        stressed = _STRESSED.match(bare)
        found = numbered(stressed[1].strip() if stressed else bare)
        if found is None:
            return False
        if not self._counts(line, found):
            labelled = self._labels(line, found.rest)
            if not labelled and found.named == self._named:
                self.lists[-1][-1].faults.append(miscounted(line, found.number))
            return labelled
        item, self._open = self.lists[-1][-1], None
        behind = bare[stressed.end() :].strip() if stressed else ""
        if stressed and behind:
            item.title = plain_cell(found.rest)
            if not self._labels(line, behind):
                item.paragraphs[0].append(plain_cell(behind))
        else:
            self._title(line, item, found.rest)
        return True

    def _counts(self, line: int, found: Numbered) -> bool:
        """Begin the panel of a number that goes on, or a new list; return whether it did."""
        last = self.lists[-1][-1].number if self.lists else None
        goes_on = last is not None and found.named == self._named and found.number == last + 1
        begins = last is None or (found.named and not self._named)
        begins = begins or (found.named == self._named and found.number < 2)
        if goes_on:
            self.lists[-1].append(_Item(line=line, number=found.number))
        elif begins:
            self.lists.append([_Item(line=line, number=found.number)])
            self._named = found.named
        return goes_on or begins

    def _title(self, line: int, item: _Item, rest: str) -> None:
        """Read what stands behind a number: a title, `**title**: words` or `提示词：words`."""
        stressed = _STRESSED.match(rest) or _TITLED.match(rest)
        behind = rest[stressed.end() :].strip() if stressed else ""
        if self._labels(line, rest):
            return
        if stressed and behind:
            item.title = plain_cell(stressed[1].rstrip(":："))
            item.paragraphs[0].append(plain_cell(behind))
        else:
            item.title = plain_cell(rest)

    def _labels(self, line: int, bare: str) -> bool:
        """Take `label: words`; return whether it is one."""
        plain, opening = bare.replace("**", "").replace("__", ""), _BRACKETED.match(bare)
        if opening and label_of(opening[1]) in _READ:
            plain = f"{opening[1]}：{plain[opening.end() :]}"
        found = _LABEL.match(plain)
        column = label_of(found["name"]) if found else "other"
        if found is None or column not in _READ:
            return found is not None and self._leaves_out(found["name"])
        if not self.lists or (self.lists[-1][-1].number is None and column in self.lists[-1][-1].said):
            self.lists[-1:] = [[*(self.lists[-1] if self.lists else []), _Item(line=line)]]
        item = self.lists[-1][-1]
        if column == "negative" and _FOR_ALL.search(found["name"]):
            self.shared = plain_cell(found["value"])
            return True
        name = one_line(found["name"]).casefold()
        if column == "prompt" and name in item.prompts:
            _check_faults(item.faults)
            raise NoStory(
                tr("line {line}: is a second prompt of one panel; keep one, or number the panels", line=line)
            )
        if column == "prompt":
            item.line = line if not item.prompts else item.line
            self._open = item.said["prompt"] = item.prompts.setdefault(name, [])
        else:
            self._open = item.said.setdefault(column, [])
        if value := plain_cell(found["value"]):
            self._open.append(value)
        return True

    def _leaves_out(self, name: str) -> bool:
        """Leave a label out that we do not know, where labels are used; return whether it was."""
        if self._fenced or not self.lists or not self.lists[-1][-1].said:
            return False
        self._open = None
        self.left_out.append(plain_name(name))
        return True

    def _continues(self, line: int, bare: str, begins_item: bool) -> None:
        if self._open and begins_item and not self._fenced:
            self._open = None
        if not self.lists:
            return
        item = self.lists[-1][-1]
        if not item.title and not item.body() and (titled := _TITLED.match(bare)):
            item.title, bare = titled[1], bare[titled.end() :]
        told = tr(
            "line {line}: follows a text without a comma or a blank line; join them, or keep them apart",
            line=line,
        )
        lines = self._open if self._open is not None else item.paragraphs[-1]
        if lines and not _goes_on(lines[-1], bare):
            if self._open is None:
                item.broken = told
            elif self._open is not item.said.get("caption"):
                item.faults.append(told)
        lines.append(plain_cell(bare))


def _goes_on(before: str, text: str) -> bool:
    """Return whether a text goes on in the next line: a comma stands between."""
    return before.endswith(_COMMAS) or text.startswith(_COMMAS)


def story_of_list(text: str) -> ForeignStory | None:
    """Return the story of a list of panels, None where there is no list; raises NoStory for a faulty one."""
    reader = _ListReader()
    lines = with_dots(re.split(r"\r\n|\r|\n", text))
    check_numbers(lines)
    for number, line in enumerate(lines, 1):
        for part in _INLINE.sub("\n", _COMMAND.sub("", line)).split("\n"):
            reader.read(number, part)
    labelled = [items for items in reader.lists if any("prompt" in item.said for item in items)]
    counted = [items for items in reader.lists if are_counted([item.number for item in items])]
    alone = [item for items in reader.lists for item in items if item.number is None and not item.told()]
    shared = reader.shared or next((item.text("negative") for item in alone), "")
    of_panels = [items for items in counted if len(items) == PANELS] or sorted(counted, key=len)[-1:]
    lists = [_labelled(items, shared) for items in labelled] or [_bare(items) for items in of_panels]
    if not lists:
        return None
    eight = [rows for rows in lists if len(rows) == PANELS]
    if len(eight) > 1:
        raise NoStory(
            tr(
                "holds {got} lists of eight panels, they begin in {places}; keep one of them",
                got=len(eight),
                places=joined([rows[0].at for rows in eight], tr(" and ")),
            )
        )
    rows = check_rows(eight[0] if eight else max(lists, key=len), _PANELS)
    notes = [*_left_out(reader, labelled), *(_outside(one) for one in lists if one is not rows)]
    return ForeignStory(rows=rows, title=title_in(text), notes=notes)


def _left_out(reader: _ListReader, labelled: Sequence[Sequence[_Item]]) -> Iterator[str]:
    """Yield which labels are not read."""
    if reader.left_out:
        yield tr("left out: {names}", names=joined(dict.fromkeys(reader.left_out), tr(", ")))
    if labels := [label for label in _labels(labelled) if label != _best(labelled)]:
        yield tr("left out: the prompts behind {names}", names=joined(labels, tr(", ")))


def _outside(rows: Sequence[ForeignPanel]) -> str:
    return tr("left out: {place}, a prompt outside the list", place=rows[0].at)


def _labelled(items: Sequence[_Item], shared: str) -> list[ForeignPanel]:
    """Return panels whose prompts have labels; `shared` is what every panel shall not show."""
    told = [item for item in items if item.told() or item.number is not None]
    best = _best([items])
    several = any(len(item.prompts) > 1 for item in told)
    for item in told:
        only = [] if several else item.said.get("prompt", [])
        item.said["prompt"] = item.prompts.get(best, only)
    _check_faults([fault for item in told for fault in item.faults])
    prompts = unquoted([item.text("prompt") for item in told])
    negatives = unquoted([item.text("negative") or shared for item in told])
    captions = [_caption(item) for item in told]
    return [
        ForeignPanel(at=tr("line {line}", line=item.line), prompt=prompt, negative=negative, caption=caption)
        for item, prompt, negative, caption in zip(told, prompts, negatives, captions, strict=True)
    ]


def _labels(lists: Sequence[Sequence[_Item]]) -> list[str]:
    """Return the labels of prompts, each once."""
    return list(dict.fromkeys(label for items in lists for item in items for label in item.prompts))


def _best(lists: Sequence[Sequence[_Item]]) -> str:
    """Return which of several labels of prompts is taken."""
    labels = _labels(lists)
    return labels[best_prompt(labels, range(len(labels)))] if labels else ""


def _caption(item: _Item) -> str:
    said = (item.text("caption"), item.below(), item.text("picture"), item.text("title"), item.title)
    return next(filter(None, said), "")


def _check_faults(faults: Sequence[str]) -> None:
    """Raise NoStory for the first line that cannot be understood."""
    if faults:
        raise NoStory(faults[0])


def _bare(items: Sequence[_Item]) -> list[ForeignPanel]:
    """Return panels that are a number and words: below each title stands a text, or below none."""
    if not any(item.title or item.body() for item in items):
        raise NoStory(tr(_PICTURED if items[0].text("picture") else _UNLABELLED, line=items[0].line))
    # what follows the last panel is a sentence to the reader
    paragraphs = max((len(item.body()) for item in items[:-1]), default=0)
    bodies = [" ".join(item.body()[: max(paragraphs, bool(item.below()))]) for item in items]
    if not all(bodies):
        if wrapped := next((item for item, body in zip(items, bodies, strict=True) if body), None):
            raise NoStory(
                tr(
                    "line {line}: words stand below this line; write each prompt in one line",
                    line=wrapped.line,
                )
            )
        bodies = []
    _check_faults(
        [fault for item in items for fault in (*item.faults, item.broken if bodies else "") if fault]
    )
    if len({len(item.body()) for item in items[:-1]}) > 1 and bodies:
        raise NoStory(tr("has panels of one paragraph and of several; write one paragraph for each prompt"))
    titles = [item.title for item in items]
    captions = [item.text("caption") or (item.title if bodies else "") for item in items]
    return [
        ForeignPanel(at=tr("line {line}", line=item.line), prompt=prompt, caption=caption)
        for item, prompt, caption in zip(items, unquoted(bodies or titles), captions, strict=True)
    ]
