"""Gauge studies agree with the manual's worked examples, and with statsmodels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import scipy.stats
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.gauge import by_statsmodels
from inspection.cli import welt
from inspection.errors import GaugeError
from inspection.gauge import (
    ALPHA,
    Report,
    Study,
    analyse,
    arranged,
    html_of,
    linearity,
    pdf_of,
    read_rows,
    words_of,
)
from inspection.gauge.distributions import f_exceeded, t_limit

AIAG = np.array(
    [
        [[0.29, 0.41, 0.64], [0.08, 0.25, 0.07], [0.04, -0.11, -0.15]],
        [[-0.56, -0.68, -0.58], [-0.47, -1.22, -0.68], [-1.38, -1.13, -0.96]],
        [[1.34, 1.17, 1.27], [1.19, 0.94, 1.34], [0.88, 1.09, 0.67]],
        [[0.47, 0.50, 0.64], [0.01, 1.03, 0.20], [0.14, 0.20, 0.11]],
        [[-0.80, -0.92, -0.84], [-0.56, -1.20, -1.28], [-1.46, -1.07, -1.45]],
        [[0.02, -0.11, -0.21], [-0.20, 0.22, 0.06], [-0.29, -0.67, -0.49]],
        [[0.59, 0.75, 0.66], [0.47, 0.55, 0.83], [0.02, 0.01, 0.21]],
        [[-0.31, -0.20, -0.17], [-0.63, 0.08, -0.34], [-0.46, -0.56, -0.49]],
        [[2.26, 1.99, 2.01], [1.80, 2.12, 2.19], [1.77, 1.45, 1.87]],
        [[-1.36, -1.25, -1.31], [-1.68, -1.62, -1.50], [-1.49, -1.77, -2.16]],
    ]
)
"""(parts, appraisers, trials) of AIAG MSA, 4th edition, table III-B 6."""
AIAG_REFERENCES = np.array([2.0, 4.0, 6.0, 8.0, 10.0])
AIAG_LINEARITY = np.array(
    [
        [2.7, 2.5, 2.4, 2.5, 2.7, 2.3, 2.5, 2.5, 2.4, 2.4, 2.6, 2.4],
        [5.1, 3.9, 4.2, 5.0, 3.8, 3.9, 3.9, 3.9, 3.9, 4.0, 4.1, 3.8],
        [5.8, 5.7, 5.9, 5.9, 6.0, 6.1, 6.0, 6.1, 6.4, 6.3, 6.0, 6.1],
        [7.6, 7.7, 7.8, 7.7, 7.8, 7.8, 7.8, 7.7, 7.8, 7.5, 7.6, 7.7],
        [9.1, 9.3, 9.5, 9.3, 9.4, 9.5, 9.5, 9.5, 9.6, 9.2, 9.3, 9.4],
    ]
)
"""(parts, trials) of AIAG MSA, 4th edition, table III-B 4."""


def study_of(
    values: npt.NDArray[np.float64], *, alpha: float = ALPHA, tolerance: float | None = None
) -> Study:
    parts, operators, _ = values.shape
    of_parts, of_operators = (tuple(map(str, range(count))) for count in (parts, operators))
    return analyse(of_parts, of_operators, values, alpha=alpha, tolerance=tolerance)


def drawn(seed: int, *, interaction: float = 0.0) -> npt.NDArray[np.float64]:
    """10 parts, 2 cameras, 3 repeats."""
    rng = np.random.default_rng(seed)
    values = 2.5 + rng.normal(0, 0.3, (10, 1, 1)) + rng.normal(0, 0.05, (1, 2, 1))
    return np.asarray(values + rng.normal(0, interaction, (10, 2, 1)) + rng.normal(0, 0.04, (10, 2, 3)))


def test_the_worked_example_of_the_manual_comes_out() -> None:
    study = study_of(AIAG)
    part, operator, both, error = study.sources
    assert [round(s.ss, 4) for s in study.sources] == [88.3619, 3.1673, 0.3590, 2.7589]
    assert [s.df for s in study.sources] == [9, 2, 18, 60]
    assert both.f == pytest.approx(0.434, abs=5e-4)
    assert (part.ms, operator.ms, error.ms) == pytest.approx((9.81799, 1.58363, 0.04598), abs=5e-6)
    assert study.pooled
    assert (study.ev, study.av, study.interaction) == pytest.approx((0.199933, 0.226838, 0), abs=1e-6)
    assert (study.grr, study.pv) == pytest.approx((0.302373, 1.042327), abs=2e-6)
    assert study.share(study.grr) == pytest.approx(27.9, abs=0.05)
    assert (study.ndc, study.judgement) == (4, "marginal")


def test_the_linearity_example_of_the_manual_comes_out() -> None:
    found = linearity(AIAG_REFERENCES, AIAG_LINEARITY)
    assert (found.slope, found.intercept) == pytest.approx((-0.131667, 0.736667), abs=1e-6)
    assert found.residual == pytest.approx(0.23954, abs=1e-5)
    assert found.bias == pytest.approx(-0.0533, abs=1e-4)
    again = scipy.stats.linregress(found.references, found.biases)
    assert found.slope_p == pytest.approx(again.pvalue, rel=1e-6)
    low, high = found.band(4.0)
    assert low < found.slope * 4 + found.intercept < high


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("interaction", [0.0, 0.1])
def test_statsmodels_agrees_within_a_hundredth_of_a_per_cent(seed: int, interaction: float) -> None:
    values = drawn(seed, interaction=interaction)
    study = study_of(values)
    ev, av, pv, share = by_statsmodels(values, pool=study.pooled)
    assert study.ev == pytest.approx(ev, rel=1e-4)
    assert np.hypot(study.av, study.interaction) == pytest.approx(av, rel=1e-4, abs=1e-9)
    assert study.pv == pytest.approx(pv, rel=1e-4)
    assert study.share(study.grr) == pytest.approx(share, rel=1e-4)
    both = study.sources[2]
    assert both.p == pytest.approx(scipy.stats.f.sf(both.f, both.df, study.sources[3].df), rel=1e-6)
    assert study.pooled == (both.p is not None and both.p > 0.05)


@given(f=st.floats(1e-3, 1e3), df1=st.integers(1, 60), df2=st.integers(1, 200))
@settings(deadline=None, max_examples=60)
def test_chances_are_those_of_scipy(f: float, df1: int, df2: int) -> None:
    assert f_exceeded(f, df1, df2) == pytest.approx(scipy.stats.f.sf(f, df1, df2), rel=1e-8, abs=1e-14)


@pytest.mark.parametrize("df", [1, 2, 8, 58, 400])
def test_limits_of_t_are_those_of_scipy(df: int) -> None:
    assert t_limit(0.95, df) == pytest.approx(scipy.stats.t.ppf(0.975, df), rel=1e-9)


def test_alpha_decides_on_pooling() -> None:
    assert study_of(AIAG, alpha=0.0).pooled
    split = study_of(AIAG, alpha=1.0)
    assert not split.pooled
    assert split.ev == pytest.approx(np.sqrt(2.7589333 / 60))


def test_one_camera_shows_repeatability_alone() -> None:
    study = study_of(AIAG[:, :1])
    assert (study.av, study.interaction) == (0, 0)
    assert study.ev == pytest.approx(np.sqrt(AIAG[:, 0].var(axis=1, ddof=1).mean()))


def test_a_tolerance_judges_when_it_is_given() -> None:
    wide = study_of(drawn(1), tolerance=60.0)
    assert wide.of_tolerance(wide.grr) == pytest.approx(100 * 6 * wide.grr / 60)
    assert wide.judgement == ("good" if wide.ndc >= 5 else "marginal")
    assert study_of(drawn(1), tolerance=0.1).judgement == "poor"


def test_a_gauge_without_any_error_is_not_divided_by_zero() -> None:
    exact = np.repeat(np.arange(4.0)[:, None, None], 2, axis=1).repeat(3, axis=2)
    study = study_of(exact)
    assert (study.grr, study.ndc, study.judgement) == (0, 9999, "good")
    assert study_of(np.ones((3, 2, 2))).share(0.0) == 0


@pytest.mark.parametrize(
    ("values", "tolerance"),
    [
        (AIAG[:1], None),
        (AIAG[:, :, :1], None),
        (AIAG[:, :0], None),
        (np.where(AIAG[0, 0, 0] == AIAG, np.nan, AIAG), None),
        (AIAG, 0.0),
        (AIAG, float("nan")),
    ],
)
def test_too_few_or_unusable_values_are_refused(
    values: npt.NDArray[np.float64], tolerance: float | None
) -> None:
    with pytest.raises(GaugeError):
        analyse(("a",) * len(values), ("x",), values, tolerance=tolerance)


def test_linearity_needs_different_references() -> None:
    with pytest.raises(GaugeError, match="references"):
        linearity(np.array([2.0, 2.0]), np.ones((2, 3)))


def csv_of(values: npt.NDArray[np.float64], *, separator: str = ",", decimal: str = ".") -> str:
    lines = [separator.join(("Part", "Camera", "Value", "Reference"))]
    for i, part in enumerate(values):
        for j, cell in enumerate(part):
            for value in cell:
                cells = (f"p{i}", f"cam{j}", str(value).replace(".", decimal), str(i))
                lines.append(separator.join(cells))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(("separator", "decimal"), [(",", "."), (";", ","), ("\t", ".")])
def test_tables_of_every_office_are_read(separator: str, decimal: str) -> None:
    text = "\ufeff" + csv_of(AIAG, separator=separator, decimal=decimal)
    table = arranged(read_rows(text, label="t.csv"), label="t.csv")
    np.testing.assert_array_equal(table.values, AIAG)
    assert table.operators == ("cam0", "cam1", "cam2")
    assert table.references is not None
    assert table.references.tolist() == list(range(10))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("a,b\n1,2\n", "has the columns a, b"),
        ("part,operator,value\n1,a,x\n", "line 2: 'x' is no number"),
        ("part,operator,value\n1,a,nan\n", "is no number"),
        ("part,operator,value\n1,a,\n", "line 2 lacks"),
        (
            "part,operator,value\n1,a,1\n1,a,2\n1,b,1\n2,a,1\n2,a,2\n2,b,1\n2,b,2\n",
            "part 1 was measured 1 time by b",
        ),
        ("part,operator,value,reference\n1,a,1,1\n1,a,1,2\n", "another reference"),
        ("part,operator,value,reference\n1,a,1,1\n2,a,1,\n", "no reference for part 2"),
    ],
)
def test_a_table_that_does_not_serve_names_the_place(text: str, message: str) -> None:
    with pytest.raises(GaugeError) as refused:
        arranged(read_rows(text, label="t.csv"), label="t.csv")
    assert message in refused.value.detail


@pytest.mark.parametrize("language", ["en", "zh"])
def test_reports_tell_the_numbers_in_both_languages(language: str) -> None:
    assert words_of("en").keys() == words_of("zh").keys()
    line = linearity(AIAG_REFERENCES, AIAG_LINEARITY)
    report = Report("缝 <study>", "2026-03-01", "mm", study_of(AIAG, tolerance=4), line, language)
    page = html_of(report)
    assert "缝 &lt;study&gt;" in page
    assert "<script" not in page
    assert page.count("<svg") == 4
    for told in ("27.9", "0.30237", "88.3619", "-0.1317"):
        assert told in page
    assert pdf_of(report).startswith(b"%PDF")


def run(*words: str) -> Result:
    return CliRunner().invoke(welt, ("gauge", *words), catch_exceptions=False)


def test_the_command_prints_and_writes_the_study(tmp_path: Path) -> None:
    table, out = tmp_path / "t.csv", tmp_path / "study.html"
    table.write_text(csv_of(AIAG))
    told = run(str(table), "--out", str(out), "--tolerance", "4")
    assert told.exit_code == 0, told.output
    assert "27.9 %" in told.output
    assert "27.9 %" in out.read_text(encoding="utf-8")
    content = json.loads(run(str(table), "--json").output)
    assert content["grr_percent"] == pytest.approx(27.86, abs=0.01)
    assert content["linearity"]["bias"] == pytest.approx(float((AIAG - np.arange(10)[:, None, None]).mean()))
    table.write_text("part,value\n1,2\n")
    refused = run(str(table))
    assert (refused.exit_code, "too few" in refused.output) == (1, True)
    assert run(str(table), "--out", str(tmp_path / "x.doc")).exit_code == 2


def test_photos_are_inspected_and_a_measurement_of_them_is_studied(tmp_path: Path, models_dir: Path) -> None:
    from tests import factories

    lines = ["part,camera,photo"]
    for part in range(3):
        for camera in range(2):
            for repeat in range(2):
                name = f"{part}-{camera}-{repeat}.jpg"
                (tmp_path / name).write_bytes(factories.make_jpeg())
                lines.append(f"{part},{camera},{name}")
    table = tmp_path / "photos.csv"
    table.write_text("\n".join(lines))
    ask = (str(table), "--mm-per-px", "0.1", "--models-dir", str(models_dir))
    told = run(*ask, "--measure", "defect_count", "--json")
    assert told.exit_code == 0, told.output
    assert json.loads(told.output)["grr"] == 0
    missing = run(*ask, "--measure", "nothing")
    assert (missing.exit_code, "defect_count" in missing.output) == (1, True)
    assert run(*ask).exit_code == 2
