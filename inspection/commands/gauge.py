"""``welt gauge``: how far a measurement can be trusted."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from inspection.commands.shared import FILE, FOLDER, settings_of
from inspection.errors import ConfigurationError, GaugeError, WeltError

if TYPE_CHECKING:
    from inspection.gauge import Linearity, Row, Study

__all__ = ["gauge"]

TO_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("table", type=FILE, metavar="CSV")
@click.option("--out", type=TO_FILE, help="Write the report there: .html or .pdf.")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON.")
@click.option("--unit", default="mm", show_default=True, help="Unit of the values.")
@click.option("--tolerance", type=float, help="Upper less lower limit; compares six deviations with it.")
@click.option("--alpha", type=click.FloatRange(0, 1), default=0.05, show_default=True,
              help="Level of the test for interaction of parts and operators; AIAG takes 0.05.")  # fmt: skip
@click.option("--title", help="Heading of the report.")
@click.option("--language", type=click.Choice(["en", "zh"]), default="en", show_default=True,
              help="Language of the report.")  # fmt: skip
@click.option(
    "--measure", help="With a column photo: which measurement of the photo or its seams is studied."
)
@click.option("--mm-per-px", type=float, help="With a column photo: scale of the photos.")
@click.option("--recipe", help="With a column photo: recipe that judges them.")
@click.option("--view", help="With a column photo: view of the recipe.")
@click.option("--models-dir", type=FOLDER, help="Folder of models.  [default: WELT_MODELS_DIR or models]")
def gauge(
    table: Path,
    out: Path | None,
    as_json: bool,
    unit: str,
    tolerance: float | None,
    alpha: float,
    title: str | None,
    language: str,
    measure: str | None,
    mm_per_px: float | None,
    recipe: str | None,
    view: str | None,
    models_dir: Path | None,
) -> None:
    """Study repeatability and reproducibility of a measurement (gauge R&R), and bias where it can be known.

    CSV has one measurement a line under the header part,operator,value: each part measured equally often by
    each operator or camera. A column reference adds bias and linearity. A column photo instead of value has
    the photos inspected, and --measure taken from each.

    \b
    Examples:
      welt gauge pitch.csv
      welt gauge pitch.csv --tolerance 0.6 --out study.pdf --language zh
      welt gauge photos.csv --measure pitch_mean_mm --mm-per-px 0.1 --out study.html
    \b
    Exit codes: 0 studied, 1 the measurements do not serve (the message says why), 2 called wrongly.
    """
    try:
        _study(table, out, as_json, unit, tolerance, alpha, title, language,
               (measure, mm_per_px, recipe, view, models_dir))  # fmt: skip
    except WeltError as error:
        click.echo(f"welt: {error.detail.rstrip('.')}.\n  {error.hint}", err=True)
        sys.exit(1)


def _study(
    table: Path,
    out: Path | None,
    as_json: bool,
    unit: str,
    tolerance: float | None,
    alpha: float,
    title: str | None,
    language: str,
    photos: tuple[str | None, float | None, str | None, str | None, Path | None],
) -> None:
    from datetime import UTC, datetime

    from inspection.gauge import Report, analyse, arranged, html_of, linearity, pdf_of, read_rows, words_of

    if out is not None and out.suffix.lower() not in (".html", ".pdf"):
        raise click.UsageError("--out ends in .html or .pdf")
    try:
        text = table.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise GaugeError(
            f"{table} cannot be read as UTF-8 text", hint="Save the table as CSV in UTF-8."
        ) from error
    rows = read_rows(text, label=table.name)
    if any(row.value is None for row in rows):
        rows = _measured(rows, table.parent, *photos)
    found = arranged(rows, label=table.name)
    study = analyse(found.parts, found.operators, found.values, alpha=alpha, tolerance=tolerance)
    line = None if found.references is None else linearity(found.references, found.values)
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    report = Report(title or words_of(language)["title"], made, unit, study, line, language)
    if out is not None:
        body = pdf_of(report) if out.suffix.lower() == ".pdf" else html_of(report).encode()
        try:
            out.write_bytes(body)
        except OSError as error:
            raise ConfigurationError(
                f"{out} cannot be written: {error.strerror}", hint="Choose another file with --out."
            ) from error
    if as_json:
        click.echo(json.dumps(_content(study, line), indent=2))
        return
    click.echo(report.summary())
    for rows_ in (report.components(), report.anova()):
        widths = [max(len(row[i]) for row in rows_) for i in range(len(rows_[0]))]
        click.echo("")
        for row in rows_:
            cells = [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
            click.echo("  ".join(cells).rstrip())
    click.echo("")
    for note in report.notes():
        click.echo(note)
    if out is not None:
        click.echo(f"wrote {out}")


def _content(study: Study, line: Linearity | None) -> dict[str, object]:
    content: dict[str, object] = {
        "schema": "welt.gauge/1",
        "parts": len(study.parts),
        "operators": len(study.operators),
        "repeats": study.values.shape[2],
        "interaction_pooled": study.pooled,
        "ev": study.ev,
        "av": study.av,
        "interaction": study.interaction,
        "grr": study.grr,
        "pv": study.pv,
        "tv": study.tv,
        "grr_percent": study.share(study.grr),
        "grr_percent_of_tolerance": study.of_tolerance(study.grr),
        "ndc": study.ndc,
        "judgement": study.judgement,
        "anova": [
            {"source": s.name, "df": s.df, "ss": s.ss, "ms": s.ms, "f": s.f, "p": s.p} for s in study.sources
        ],
    }
    if line is not None:
        content["linearity"] = {
            "bias": line.bias,
            "bias_uncertainty": line.bias_uncertainty,
            "slope": line.slope,
            "intercept": line.intercept,
            "slope_p": line.slope_p,
            "intercept_p": line.intercept_p,
        }
    return content


def _measured(
    rows: list[Row],
    folder: Path,
    measure: str | None,
    mm_per_px: float | None,
    recipe: str | None,
    view: str | None,
    models_dir: Path | None,
) -> list[Row]:
    """Rows with the values that the inspection of their photos gives."""
    import time

    from inspection import imaging, pipeline, recipes, registry, runtime, standards
    from inspection.domain import Metadata

    if measure is None:
        raise click.UsageError("the table names photos: say which measurement of them with --measure")
    settings = settings_of(models_dir=models_dir)
    metadata = Metadata(station="command-line", view=view, recipe=recipe, mm_per_px=mm_per_px)
    setup = pipeline.prepare(
        metadata,
        model=registry.open_serving(
            settings.models_dir,
            threads=settings.inference_threads or runtime.cpu_quota(),
            precision=settings.precision,
        ),
        recipes=recipes.open_recipes([settings.recipes_dir] if settings.recipes_dir else []),
        standards=standards.open_standards([settings.standards_dir] if settings.standards_dir else []),
    )
    measured = []
    for row in rows:
        path = folder / (row.photo or "")
        try:
            body = path.read_bytes()
        except OSError as error:
            raise GaugeError(
                f"line {row.line}: {path} cannot be read: {error.strerror}",
                hint="Name photos by their place beside the table.",
            ) from error
        photo = imaging.decode(body, max_pixels=int(settings.max_photo_mp * 1e6))
        finding = pipeline.inspect(photo, setup, clock=time.perf_counter)
        of_photo = [m.value for m in finding.measurements if m.name == measure]
        of_seams = [m.value for seam in finding.seams for m in seam.measurements if m.name == measure]
        values = of_photo or of_seams
        if not values:
            known = {m.name for m in finding.measurements}
            known |= {m.name for seam in finding.seams for m in seam.measurements}
            raise GaugeError(
                f"line {row.line}: {path.name} has no measurement {measure!r}.",
                hint=f"It has: {', '.join(sorted(known)) or 'none'}.",
            )
        measured.append(replace(row, value=sum(values) / len(values)))
    return measured
