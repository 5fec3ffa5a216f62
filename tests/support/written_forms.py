"""What a browser would send of a form of the board."""

from html.parser import HTMLParser


class _Fields(HTMLParser):
    def __init__(self, form: str | None) -> None:
        super().__init__()
        self.fields: list[tuple[str, str]] = []
        self._form, self._inside = form, form is None
        self._area: str | None = None
        self._text = ""
        self._select: str | None = None
        self._options: list[tuple[str, bool]] = []
        self._option: tuple[str | None, bool] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form" and self._form:
            self._inside = given.get("id") == self._form
        if not self._inside:
            return
        name = given.get("name")
        if tag == "input" and name and (given.get("type") != "checkbox" or "checked" in given):
            self.fields.append((name, given.get("value") or ""))
        elif tag == "textarea" and name:
            self._area, self._text = name, ""
        elif tag == "select":
            self._select, self._options = name, []
        elif tag == "option":
            self._option, self._text = (given.get("value"), "selected" in given), ""

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._area:
            self.fields.append((self._area, self._text.removeprefix("\n").replace("\n", "\r\n")))
            self._area = None
        elif tag == "option" and self._option:
            value, chosen = self._option
            self._options.append((self._text.strip() if value is None else value, chosen))
            self._option = None
        elif tag == "select" and self._select:
            chosen = [value for value, is_chosen in self._options if is_chosen]
            self.fields.append((self._select, (chosen or [self._options[0][0]])[-1]))
            self._select = None
        elif tag == "form" and self._form:
            self._inside = False


def form_of(page: str, form: str | None = "draft") -> dict[str, str | list[str]]:
    """Return the fields of a form, or of a piece of one, as a browser sends them; of one name as a list."""
    reader = _Fields(form)
    reader.feed(page)
    found: dict[str, str | list[str]] = {}
    for name, value in reader.fields:
        had = found.get(name)
        found[name] = value if had is None else [*(had if isinstance(had, list) else [had]), value]
    return found
