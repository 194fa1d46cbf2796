"""``python docs/site_check.py FOLDER``: a site as built needs nothing from elsewhere, and its links within itself lead somewhere.

Links to other sites are for readers to follow, and are not tried.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

SOURCES = {"src", "srcset", "poster", "data"}  # attributes that a browser fetches without being asked
SHEETS = {"stylesheet", "icon", "preload", "prefetch", "preconnect", "dns-prefetch", "modulepreload", "manifest"}
FETCHED = re.compile(r"""(?:url\(\s*|@import\s+)['"]?\s*((?:https?:)?//[^'")\s;]+)""")
AFAR = re.compile(r"(?:https?:)?//", re.ASCII)


@dataclass
class Page(HTMLParser):
    """What a page fetches, which places it links to, and which it has."""

    fetched: list[str] = field(default_factory=list)
    linked: list[str] = field(default_factory=list)
    places: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note its sources, its link, its name."""
        found = {name: value or "" for name, value in attrs}
        self.fetched += [found[name] for name in SOURCES & set(found) if tag != "a"]
        if tag == "link" and SHEETS & set(found.get("rel", "").split()):
            self.fetched.append(found.get("href", ""))
        self.fetched += FETCHED.findall(found.get("style", ""))
        if tag == "a" and "href" in found:
            self.linked.append(found["href"])
        self.places |= {found[name] for name in ("id", "name") if name in found}

    def handle_data(self, data: str) -> None:
        """Styles written into the page."""
        if "url(" in data or "@import" in data:
            self.fetched += FETCHED.findall(data)


def read(path: Path) -> Page:
    """A page."""
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def faults(root: Path) -> Iterator[str]:
    """A line for everything that is fetched from afar, and for every link that leads nowhere."""
    # in _static are a theme's templates
    found = [path for path in sorted(root.rglob("*.html")) if path.relative_to(root).parts[0] != "_static"]
    pages = {path.resolve(): read(path) for path in found}
    if not pages:
        yield f"{root}: no pages"
    for sheet in sorted(root.rglob("*.css")):
        for source in FETCHED.findall(sheet.read_text(encoding="utf-8")):
            yield f"{sheet.relative_to(root)} fetches {source}"
    for path, page in pages.items():
        name = path.relative_to(root.resolve())
        for source in page.fetched:
            if AFAR.match(source):
                yield f"{name} fetches {source}"
            elif not source.startswith(("data:", "#")) and not _there(path, source):
                yield f"{name} lacks {source}"
        for link in page.linked:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                yield f"{name} links to {link}, which is not there"
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].places | {"top"}:
                yield f"{name} links to {link}, a place that its page does not have"


def _there(page: Path, source: str) -> bool:
    return (page.parent / unquote(urlsplit(source).path)).exists()


def main() -> int:
    """The command."""
    found = list(faults(Path(sys.argv[1])))
    sys.stderr.write("".join(f"{line}\n" for line in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
