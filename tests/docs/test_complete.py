"""Everything that a user can see is documented, and nothing is that does not exist."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from fastapi.routing import APIRoute

from inspection import cli, errors, taxonomy
from inspection.settings import Settings
from inspection.web.app import create_app
from inspection.web.telemetry import Telemetry

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))]


def _page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def _rows(page: str, *, header: str) -> dict[str, list[str]]:
    """First column of every table whose header starts so, without backticks, with the other columns."""
    rows: dict[str, list[str]] = {}
    for table in re.findall(rf"^\| {re.escape(header)}.*\n\|[-| ]+\n((?:\|.*\n?)+)", page, re.MULTILINE):
        for line in table.splitlines():
            first, *others = [cell.strip() for cell in line.strip("|").split(" | ")]
            for name in re.findall(r"`([^`]+)`", first) or [first]:
                rows[name.removesuffix("/")] = others
    return rows


def _error_classes() -> Iterator[type[errors.WeltError]]:
    def walk(kind: type[errors.WeltError]) -> Iterator[type[errors.WeltError]]:
        yield kind
        for below in kind.__subclasses__():
            if below.__module__ == errors.__name__:
                yield from walk(below)

    return walk(errors.WeltError)


def _commands() -> Iterator[str]:
    def walk(name: str, command: click.Command) -> Iterator[str]:
        if isinstance(command, click.Group):
            for word, below in command.commands.items():
                yield from walk(f"{name} {word}", below)
        else:
            yield name

    return walk("welt", cli.welt)


def test_every_setting_is_documented_with_its_default() -> None:
    rows = _rows(_page("settings.md"), header="variable")
    assert set(rows) == {f"WELT_{name.upper()}" for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        default = field.default
        if default is None:
            continue
        said = rows[f"WELT_{name.upper()}"][0].strip("`")
        shown = str(default).lower() if isinstance(default, bool) else str(default)
        assert said == shown.removesuffix(".0"), name


def test_every_command_is_documented() -> None:
    rows = {name for name in _rows(_page("commands.md"), header="command") if name.startswith("welt ")}
    assert rows == set(_commands())


def test_every_make_target_is_documented() -> None:
    targets = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)) - {"help"}
    rows = {name for name in _rows(_page("commands.md"), header="command") if name.startswith("make ")}
    assert rows == {f"make {target}" for target in targets}


def test_every_error_is_documented_with_its_status() -> None:
    rows = _rows(_page("errors.md"), header="kind")
    assert set(rows) == {error.kind for error in _error_classes()}
    for error in _error_classes():
        assert rows[error.kind][0] == str(error.status), error.kind


def test_every_endpoint_is_documented_and_exists(tmp_path: Path, models_dir: Path) -> None:
    app = create_app(Settings(data_dir=tmp_path, models_dir=models_dir))
    described = {
        f"{method.upper()} {path}"
        for path, operations in app.openapi()["paths"].items()
        for method in operations
    }
    hidden = {
        f"{method} {route.path}"
        for route in app.routes
        if isinstance(route, APIRoute) and route.path.startswith("/api/")
        for method in (route.methods or set()) - {"HEAD"}
    }
    rows = set(_rows(_page("api.md"), header="endpoint"))
    assert described - rows == set()
    # Left out of OpenAPI, each with the reason beside it.
    left_out = {
        "GET /api/v1/events",
        "POST /api/v1/calibrations",
        "POST /api/v1/calibrations/{name}/checks",
    }
    assert rows - described - hidden - left_out == set()
    assert hidden - rows == set()


def test_every_field_of_the_result_document_is_named(tmp_path: Path, models_dir: Path) -> None:
    app = create_app(Settings(data_dir=tmp_path, models_dir=models_dir))
    fields = app.openapi()["components"]["schemas"]["ResultDocument"]["properties"]
    section = _page("api.md").split("## The result document")[1]
    assert [name for name in fields if f"`{name}`" not in section] == []


def test_every_field_of_the_metadata_is_named() -> None:
    from inspection.web.uploads import PhotoMeta

    assert set(_rows(_page("line-integration.md"), header="field")) == set(PhotoMeta.model_fields)


def test_every_figure_for_prometheus_is_documented() -> None:
    shown = set(re.findall(r"^# TYPE (\w+) ", Telemetry().exposition().decode(), re.MULTILINE))
    shown = {name for name in shown if not name.endswith("_created")}
    assert set(_rows(_page("operations.md"), header="figure")) == shown


def test_every_kind_of_defect_is_documented() -> None:
    rows = _rows(_page("standards.md"), header="kind")
    assert set(rows) == set(taxonomy.KINDS)
    for kind in taxonomy.KINDS.values():
        assert rows[kind.id] == [kind.en, kind.zh]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target


def test_every_page_is_reached_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in DOCS.glob("*.md") if f"docs/{page.name}" not in readme] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_can_be_parsed(page: Path) -> None:
    import tomllib

    for language, code in re.findall(r"^```(\w+)\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S):
        if language == "python":
            compile(code, str(page), "exec")
        elif language == "json":
            json.loads(code)
        elif language == "toml":
            tomllib.loads(code)


def test_the_example_of_a_recipe_and_of_a_rule_are_right(tmp_path: Path) -> None:
    import tomllib

    from inspection.recipes import Recipe
    from inspection.standards import Standard, check_text, open_standards

    *standards, recipe = re.findall(r"^```toml\n(.*?)^```", _page("standards.md"), re.M | re.S)
    for standard in standards:
        checked = check_text(standard, "docs/standards.md", open_standards())
        assert isinstance(checked, Standard), [str(fault) for fault in checked]
    Recipe.model_validate(tomllib.loads(recipe))


def test_the_module_list_of_the_documents_matches_what_can_be_imported() -> None:
    for module in re.findall(r"python -m (\w+)", " ".join(page.read_text("utf-8") for page in PAGES)):
        assert module == "venv" or importlib.util.find_spec(module) is not None, module
