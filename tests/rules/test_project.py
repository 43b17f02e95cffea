"""The rules of the repository that no other tool checks."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]
PACKAGES = ("vasya_server", "vasya_mcp", "vasya_sandbox")
MODULE_LINES = 400
FUNCTION_LINES = 40
README_LINES = 120
# Folders that no commit contains: environments, builds, caches. `.ci` is the one hidden exception.
UNTRACKED = re.compile(r"^(\.(?!ci$).*|build|dist|htmlcov|__pycache__|.*\.egg-info)$")
TEXT = {".in", ".json", ".lock", ".md", ".py", ".sql", ".toml", ".txt", ".yaml", ".yml"}
TEXT_NAMES = {"Containerfile", "LICENSE", "Makefile", "run"}

# Written in two halves, so that this file passes its own test.
FORBIDDEN_WORDS = {
    "an unfinished thought": ("TO" + "DO", "FIX" + "ME", "X" + "XX"),
    "a skipped test": ("pytest." + "skip", "mark." + "skip", "mark." + "xfail"),
    "a line hidden from coverage": ("pragma: " + "no cover",),
    "a path of one machine": ("/" + "work/", "/" + "root/", "/" + "home/", "/" + "Users/"),
    "a package index": ("py" + "pi.org", "python" + "hosted.org"),
}
MOCKING_MODULES = {"mock", "pytest_mock", "unittest.mock"}
MOCKING_METHODS = {"delattr", "delitem", "setattr", "setitem"}
CITED = re.compile(r"\bD-\d+\.\d+\b")
DOCUMENT = re.compile(r"\b[\w-]+\.md\b")
MARKDOWN_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def tracked_files() -> list[Path]:
    return sorted(
        path
        for path in ROOT.rglob("*")
        if path.is_file() and not any(map(UNTRACKED.match, path.relative_to(ROOT).parts[:-1]))
    )


def modules_of(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def documents() -> list[Path]:
    return [path for path in tracked_files() if path.suffix == ".md"]


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions_of(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def code_lines(source: list[str], function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of *function* from its def on, without docstring, comments and blanks."""
    body = function.body
    lines = set(range(function.lineno, (function.end_lineno or function.lineno) + 1))
    if ast.get_docstring(function, clean=False) is not None:
        lines -= set(range(body[0].lineno, (body[0].end_lineno or body[0].lineno) + 1))
    stripped = (source[number - 1].strip() for number in lines)
    return sum(1 for line in stripped if line and not line.startswith("#"))


def mocking(tree: ast.Module) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name in MOCKING_MODULES]
        elif isinstance(node, ast.ImportFrom):
            names = {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
            found += sorted(names & MOCKING_MODULES)
        elif isinstance(node, ast.Attribute) and node.attr in MOCKING_METHODS:
            owner = ast.unparse(node.value)
            found += [f"monkeypatch.{node.attr}"] if owner == "monkeypatch" else []
    return found


def links_from(document: Path) -> set[Path]:
    targets = MARKDOWN_LINK.findall(document.read_text("utf-8"))
    return {(document.parent / target).resolve() for target in targets if "://" not in target}


def test_every_module_fits_on_a_few_screens() -> None:
    lengths = {
        named(path): len(path.read_text("utf-8").splitlines()) for path in modules_of(*PACKAGES)
    }

    assert {name: lines for name, lines in lengths.items() if lines > MODULE_LINES} == {}


def test_every_function_fits_on_one_screen() -> None:
    too_long = {}
    for path in modules_of(*PACKAGES):
        text = path.read_text("utf-8")
        for function in functions_of(ast.parse(text)):
            lines = code_lines(text.splitlines(), function)
            if lines > FUNCTION_LINES:
                too_long[f"{named(path)}:{function.name}"] = lines

    assert too_long == {}


def test_the_length_of_a_function_leaves_out_its_docstring_comments_and_blank_lines() -> None:
    text = 'def f():\n    """One.\n\n    Two.\n    """\n\n    # why\n    return 1\n'

    assert code_lines(text.splitlines(), functions_of(ast.parse(text))[0]) == 2


def test_no_test_replaces_our_code_or_telethons() -> None:
    found = {
        named(path): mocking(ast.parse(path.read_text("utf-8"))) for path in modules_of("tests")
    }

    assert {name: uses for name, uses in found.items() if uses} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import unittest.mock",
        "from unittest import mock",
        "from unittest.mock import Mock",
        "monkeypatch.setattr(thing, 'name', 1)",
    ],
)
def test_every_way_to_mock_is_found(source: str) -> None:
    assert len(mocking(ast.parse(source))) == 1


@pytest.mark.parametrize("words", FORBIDDEN_WORDS.values(), ids=FORBIDDEN_WORDS)
def test_no_file_contains(words: tuple[str, ...]) -> None:
    pattern = re.compile("|".join(rf"(?<!\w){re.escape(word)}" for word in words))
    texts = [p for p in tracked_files() if p.suffix in TEXT or p.name in TEXT_NAMES]

    assert [named(path) for path in texts if pattern.search(path.read_text("utf-8"))] == []


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= README_LINES


def test_the_readme_begins_with_the_two_commands_and_ci_runs_the_second() -> None:
    first_block = (ROOT / "README.md").read_text("utf-8").split("```")[1]
    commands = [line.split("#")[0].strip() for line in first_block.splitlines()[1:]]

    assert commands == ["make demo", "make test"]
    assert "\nmake test " in (ROOT / ".ci/run").read_text("utf-8")


def test_every_link_between_documents_leads_somewhere() -> None:
    broken = {
        named(document): sorted(
            str(target) for target in links_from(document) if not target.exists()
        )
        for document in documents()
    }

    assert {name: targets for name, targets in broken.items() if targets} == {}


def test_every_document_is_linked_from_another() -> None:
    linked = {target for document in documents() for target in links_from(document) - {document}}
    docs = [path for path in tracked_files() if path.is_relative_to(ROOT / "docs")]

    assert [named(path) for path in docs if path not in linked] == []


def test_every_decision_is_in_the_index_under_its_own_title() -> None:
    folder = ROOT / "docs" / "adr"
    titles = {
        path.name: path.read_text("utf-8").splitlines()[0].removeprefix("# ").strip()
        for path in sorted(folder.glob("[0-9]*.md"))
    }
    index = (folder / "README.md").read_text("utf-8")
    rows = re.findall(r"^- \[(.+)\]\((\d{4}-[a-z0-9-]+\.md)\)", index, re.MULTILINE)

    assert {file: title for title, file in rows} == titles


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(path.name[:4]) for path in sorted((ROOT / "docs/adr").glob("[0-9]*.md"))]

    assert numbers == list(range(1, len(numbers) + 1))


def test_the_changelog_begins_with_what_is_unreleased() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)

    assert headings[0] == "[Unreleased]"


@pytest.mark.parametrize("name", ["build", "dev", "runtime"])
def test_every_locked_package_has_hashes_and_no_address(name: str) -> None:
    lock = (ROOT / "requirements" / f"{name}.lock").read_text("utf-8")
    entries = re.findall(r"^([a-z0-9][^\s;=]*==\S+)(.*(?:\n    .*)*)", lock, re.MULTILINE)

    assert [package for package, rest in entries if "--hash=sha256:" not in rest] == []
    assert entries != []
    assert re.findall(r"://|--index|--extra-index|--find-links|--trusted-host", lock) == []


def test_the_development_lock_pins_what_the_runtime_lock_pins() -> None:
    locks = {name: ROOT / f"requirements/{name}.lock" for name in ("build", "dev", "runtime")}
    pins = {
        name: set(re.findall(r"^\S+==\S+", lock.read_text("utf-8"), re.MULTILINE))
        for name, lock in locks.items()
    }

    assert (pins["runtime"] | pins["build"]) - pins["dev"] == set()


def test_every_direct_dependency_has_an_upper_bound() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    wanted = project["dependencies"] + [entry for extra in extras for entry in extra]

    assert [entry for entry in wanted if not re.search(r",<\d+(;|$)|==\d", entry)] == []


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(tmp_path: Path) -> None:
    wheel = next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"]))
    with ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    folders = tuple(f"{package}/" for package in PACKAGES)

    assert packed == {named(p) for p in tracked_files() if named(p).startswith(folders)}


def test_the_image_is_built_of_every_package() -> None:
    copied = re.findall(r"^COPY (\w+)/ \1/$", (ROOT / "Containerfile").read_text(), re.MULTILINE)

    assert sorted(copied) == sorted((*PACKAGES, "requirements"))


def test_every_cited_decision_is_written_down() -> None:
    decided = set(CITED.findall((ROOT / "docs" / "security-decisions.md").read_text("utf-8")))
    cited = {
        number
        for path in modules_of(*PACKAGES, "tests")
        for number in CITED.findall(path.read_text("utf-8"))
    }

    assert cited - decided == set()


def test_no_comment_cites_a_document_that_is_not_here() -> None:
    here = {path.name for path in documents()}
    dangling = {
        named(path): names
        for path in modules_of("vasya_server")
        if (names := set(DOCUMENT.findall(path.read_text("utf-8"))) - here)
    }

    assert dangling == {}
