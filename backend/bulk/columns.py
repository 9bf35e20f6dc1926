"""Which column means what, whatever a template calls it, in English and French."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..core.errors import InvalidInput

MAX_COLUMNS = 64

_NAMES = {
    "text": "text post post_text content message body caption copy texte contenu legende publication",
    "accounts": "account accounts platform platforms network networks social_network channel channels profile profiles "
    "compte comptes plateforme plateformes reseau reseaux reseau_social canal",
    "at": "scheduled_at schedule_at scheduled publish_at publish_on datetime date_time date_and_time send_at "
    "programme_le planifie_le date_heure date_et_heure",
    "date": "date day jour scheduled_date publish_date publication_date date_de_publication",
    "time": "time hour heure scheduled_time publish_time posting_time heure_de_publication",
    "timezone": "timezone time_zone tz zone fuseau fuseau_horaire",
    "media": "media media_url media_urls image images image_url image_urls picture pictures photo photos video videos "
    "video_url file files attachment attachments medias fichier fichiers",
    "alt_text": "alt_text alt_texts alt image_alt media_alt_text image_alt_text texte_alternatif",
    "options": "options",
    "post_id": "post_id",
}
_FIELD = {name: meaning for meaning, names in _NAMES.items() for name in names.split()}
_SEVERAL = frozenset({"media", "alt_text"})
_OPTION = re.compile(r"\s*options?\s*[.:]\s*(\S.*?)\s*", re.IGNORECASE)
_DELIMITERS = ",;\t|"
_TOLD = re.compile(r"sep=([,;\t|])(?:\r?\n|\r)", re.IGNORECASE)


@dataclass(frozen=True)
class Columns:
    """Where in a row each field stands; `option_columns` by the option's name."""

    width: int
    fields: dict[str, list[int]] = field(default_factory=dict)
    options: dict[str, int] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)

    @property
    def used(self) -> list[int]:
        """The columns worth loading."""
        return sorted({*(place for places in self.fields.values() for place in places), *self.options.values()})  # fmt: skip


def read_header(text: str) -> tuple[Columns, str, io.StringIO, int]:
    """What the columns mean, the delimiter, the rest of the file, and the number of its first row as a spreadsheet counts.

    The delimiter is the one with which the header makes most sense. Raises InvalidInput.
    """
    told = _TOLD.match(text)
    body = text[told.end() :] if told else text
    found = []
    for delimiter in told[1] if told else _DELIMITERS:
        stream = io.StringIO(body, newline="")
        cells, rows = _first_row(stream, delimiter)
        known = sum(_meaning(cell) is not None for cell in cells)
        found.append((known, delimiter, cells, stream, rows))
    known, delimiter, cells, stream, rows = max(found, key=lambda one: one[0])
    return _columns(cells), delimiter, stream, rows + 1 + bool(told)


def _first_row(stream: io.StringIO, delimiter: str) -> tuple[list[str], int]:
    rows = 0
    try:
        for cells in csv.reader(stream, delimiter=delimiter):
            rows += 1
            if any(cell.strip() for cell in cells):
                return cells, rows
    except csv.Error:
        pass  # a cell longer than any header's
    return [], rows


def _columns(cells: Sequence[str]) -> Columns:
    while cells and not cells[-1].strip():
        cells = cells[:-1]
    if len(cells) > MAX_COLUMNS:
        raise InvalidInput.of("file", f"The file has {len(cells)} columns; Lin reads at most {MAX_COLUMNS}.")  # fmt: skip
    columns = Columns(len(cells))
    for place, cell in enumerate(cells):
        option = _OPTION.fullmatch(cell)
        meaning = _meaning(cell)
        if option:
            columns.options[option[1]] = place
        elif meaning is None:
            columns.ignored.append(cell.strip()[:100] or f"column {place + 1}")
        elif meaning in columns.fields and meaning not in _SEVERAL:
            other = cells[columns.fields[meaning][0]].strip()
            raise InvalidInput.of("file", f'The columns "{other}" and "{cell.strip()}" both mean {meaning}; keep one.')  # fmt: skip
        else:
            columns.fields.setdefault(meaning, []).append(place)
    if "text" not in columns.fields and "media" not in columns.fields:
        raise InvalidInput.of("file", "No column of the first row is a text; call it text, post, content or message.")  # fmt: skip
    return columns


def _meaning(cell: str) -> str | None:
    plain = "".join(c for c in unicodedata.normalize("NFKD", cell) if not unicodedata.combining(c))
    name = re.sub(r"[^a-z0-9]+", "_", plain.casefold()).strip("_")
    numbered = re.sub(r"_?[0-9]+$", "", name)
    if _OPTION.fullmatch(cell):
        return "option"
    return _FIELD.get(name) or (_FIELD.get(numbered) if _FIELD.get(numbered) in _SEVERAL else None)
