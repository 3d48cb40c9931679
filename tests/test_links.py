"""What the documents point at is there: files, folders and headings."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *(
        p
        for d in ("docs", "examples", "benchmarks", "tests")
        for p in (ROOT / d).rglob("*.md")
    ),
]
FOLDERS = "api backend benchmarks docs dsl examples grammars graph tests tools training"
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*([^)\s]+)[^)]*\)")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*$", re.MULTILINE)


def prose(text):
    """The text without blocks of code, whose brackets are no links."""
    return FENCE.sub("", text)


def anchors(text):
    """The places that the headings of a page make, as GitHub calls them."""
    found, seen = set(), {}
    for heading in HEADING.findall(prose(text)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        seen[name] = seen.get(name, -1) + 1
        found.add(f"{name}-{seen[name]}" if seen[name] else name)
    return found


def missing(page, text, root):
    """The links of a page that lead nowhere."""
    found = []
    for link in LINK.findall(CODE.sub("", prose(text))):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        inside = target.is_relative_to(root) and target.exists()
        if not inside or (target.is_dir() and anchor):
            found.append(link)
        elif anchor:
            text_there = text if target == page else target.read_text("utf-8")
            if anchor not in anchors(text_there):
                found.append(link)
    return found


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    assert missing(page, page.read_text("utf-8"), ROOT) == []


def test_links_that_lead_nowhere_are_found(tmp_path):
    other = tmp_path / "other.md"
    other.write_text("# A `b` of [c](d.md), e\n\n## Twice\n\n## Twice\n")
    page = tmp_path / "page.md"
    good = "[a](other.md#a-b-of-c-e) [b](other.md#twice-1) [c](#here) [d](https://x.y)"
    bad = "[a](gone.md) [b](other.md#gone) [c](#gone) [d](../..)"
    text = f"# Here\n\n{good} {bad}\n\n```\n[e](no.md)\n```\n`x[0](y)`\n"
    page.write_text(text)
    found = missing(page, text, tmp_path)
    assert found == ["gone.md", "other.md#gone", "#gone", "../.."]


def test_names_of_files_in_prose_are_there():
    """`docs/ops.md` and the like, as the documents name them."""
    named = re.compile(rf"`((?:{'|'.join(FOLDERS.split())})/[\w./-]*)`")
    for page in DOCUMENTS:
        for name in named.findall(prose(page.read_text("utf-8"))):
            assert (ROOT / name).exists(), f"{page.name} names {name}"


def unknown_files(text, files):
    """The files that a text names without their folders, and that there are none of."""
    named = sorted(set(re.findall(r"`([\w/]+\.(?:py|ll|cu|h|lark|md|net))`", text)))
    return [n for n in named if not any(f"/{file}".endswith(f"/{n}") for file in files)]


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_files_named_without_their_folders_are_there(page):
    folders = [ROOT / name for name in FOLDERS.split()]
    paths = [*ROOT.glob("*.*"), *(one for top in folders for one in top.rglob("*.*"))]
    files = [path.relative_to(ROOT).as_posix() for path in paths]
    assert unknown_files((ROOT / page).read_text("utf-8"), files) == []


def test_a_file_that_does_not_exist_is_found():
    page = "`dim.py` and `graph/dim.py`, not `dims.py` or `dsl/dim.py`"
    assert unknown_files(page, ["graph/dim.py"]) == ["dims.py", "dsl/dim.py"]
