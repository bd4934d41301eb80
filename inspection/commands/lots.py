"""``welt lots``: samples of lots by ISO 2859-1."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from inspection.commands.shared import Commands
from inspection.wording import number_of

if TYPE_CHECKING:
    from inspection.lots import Aql, LotPlan

__all__ = ["lots"]


@click.group(cls=Commands)
def lots() -> None:
    """Plan the inspection of lots by sampling, after ISO 2859-1:1999."""


def _lot_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a table."),
        click.option("--count", "counting", type=click.Choice(["items", "nonconformities"]), default="items",
                     show_default=True, help="Count each item once, or everything wrong with it."),
        click.option("--inspection", type=click.Choice(["normal", "tightened", "reduced"]), default="normal",
                     show_default=True, help="Which of the standard's tables is in force."),
        click.option("--none-allowed-in", type=click.Choice(["sample", "lot"]), default="sample",
                     show_default=True, help="Look for a class of AQL 0 in the sample or in every item."),
        click.option("--sample-by", type=click.Choice(["class", "largest"]), default="class",
                     show_default=True, help="A sample for each class, or the largest one's letter for all."),
        click.option("--aql", "aqls", multiple=True, metavar="[CLASS=]AQL",
                     help="CLASS=AQL for critical, major or minor (0: none allowed, none: not judged); "
                     "an AQL alone plans one class, as major.  [default: critical=0, major=2.5, minor=4.0]"),
        click.option("--level", type=click.Choice(["S-1", "S-2", "S-3", "S-4", "I", "II", "III"],
                     case_sensitive=False), default="II", show_default=True, help="Inspection level."),
        click.option("--lot", "lot_size", type=int, required=True, help="Items in the lot."),
    ):  # fmt: skip
        command = option(command)
    return command


def _lot_plan(
    *,
    lot_size: int,
    level: str,
    aqls: tuple[str, ...],
    inspection: str,
    counting: str,
    sample_by: str,
    none_allowed_in: str,
) -> LotPlan:
    from inspection.domain import Severity
    from inspection.lots import Aql, Counting, Level, NoneAllowedIn, SampleBy, Scheme, Strictness, plan_lot

    if len(aqls) == 1 and "=" not in aqls[0]:
        aqls = ("critical=none", f"major={aqls[0]}", "minor=none")
    limits: dict[str, Aql | None] = {}
    for given in aqls:
        name, equals, limit = (part.strip() for part in given.partition("="))
        if not equals or name not in list(Severity) or name in limits:
            raise click.UsageError(
                f"--aql {given}: give one AQL alone, or CLASS=AQL once for each of {', '.join(Severity)}"
            )
        limits[name] = None if limit == "none" else Aql.parse(limit)
    scheme = Scheme(
        Level(level),
        **limits,
        counting=Counting(counting),
        sample_by=SampleBy(sample_by),
        none_allowed_in=NoneAllowedIn(none_allowed_in),
    )
    return plan_lot(lot_size, scheme, strictness=dict.fromkeys(Severity, Strictness(inspection)))


@lots.command("plan")
@_lot_options
def plan_of_lot(as_json: bool, **asked: Any) -> None:
    """Say how many items of a lot to inspect, and how many bad ones refuse it.

    \b
    Examples:
      welt lots plan --lot 1200
      welt lots plan --lot 1200 --level I --aql major=1.5 --aql minor=none
      welt lots plan --lot 80 --aql 2.5 --inspection tightened --json
    """
    plan = _lot_plan(**asked)
    classes = [
        {
            "class": str(of_class.severity),
            "aql": str(of_class.plan.aql),
            "inspection": str(of_class.plan.strictness),
            "letter": of_class.plan.letter,
            "arrow": str(of_class.plan.arrow),
            "sample_size": of_class.plan.sample_size,
            "inspect": of_class.plan.inspect,
            "every_item": of_class.plan.every_item,
            "accept": of_class.plan.accept,
            "reject": of_class.plan.reject,
        }
        for of_class in plan.classes
    ]
    if as_json:
        head = {"schema": "welt.lot-plan/1", "edition": plan.edition, "lot_size": plan.lot_size,
                "level": str(plan.level), "letter": plan.letter, "counting": asked["counting"],
                "inspect": plan.inspect}  # fmt: skip
        click.echo(json.dumps({**head, "classes": classes}, indent=2))
        return
    click.echo(f"lot of {plan.lot_size}, level {plan.level}, code letter {plan.letter}, {plan.edition}")
    click.echo(f"{'class':<10}{'AQL':<7}{'inspection':<14}{'letter':<8}{'inspect':<10}{'accept':<8}refuse")
    for of_class in plan.classes:
        single = of_class.plan
        table = "none allowed" if single.aql.none_allowed else str(single.strictness)
        inspect = f"all {single.inspect}" if single.every_item else str(single.inspect)
        click.echo(f"{of_class.severity:<10}{single.aql!s:<7}{table:<14}{single.letter:<8}{inspect:<10}"
                   f"{single.accept:<8}{single.reject}")  # fmt: skip
    if plan.inspect == plan.lot_size:
        click.echo("the sample reaches the lot: inspect every item")
    else:
        click.echo(f"draw {number_of(plan.inspect, 'item')} at random from the whole lot")
    click.echo("take out or repair each bad item that is found, even when the lot is accepted")


@lots.command("curve")
@_lot_options
@click.option("--class", "name", type=click.Choice(["critical", "major", "minor"]),
              help="Class to show.  [default: major, or the only one]")  # fmt: skip
@click.option("--isolated", is_flag=True, help="Judge this one lot by itself, not the process behind it.")
def curve_of_lot(as_json: bool, name: str | None, isolated: bool, **asked: Any) -> None:
    """Show how often lots of each quality would be accepted (the operating characteristic).

    \b
    Examples:
      welt lots curve --lot 1200
      welt lots curve --lot 80 --aql 2.5 --isolated
      welt lots curve --lot 500 --class critical --json
    """
    from inspection.domain import Severity
    from inspection.lots import Counting, Model, binomial_pa, curve, poisson_pa

    plan = _lot_plan(**asked)
    only = plan.classes[0].severity if len(plan.classes) == 1 else Severity.MAJOR
    single = plan.of(Severity(name) if name else only)
    by_items = single.counting is Counting.ITEMS
    if isolated and not by_items:
        raise click.UsageError("--isolated is about nonconforming items: leave --count nonconformities out")
    model = Model.HYPERGEOMETRIC if isolated else Model.BINOMIAL if by_items else Model.POISSON
    drawn = curve(model, single.inspect, single.accept, lot_size=plan.lot_size)
    at_aql = None
    if not isolated and not single.aql.none_allowed:
        accepts = binomial_pa if by_items else poisson_pa
        at_aql = accepts(single.inspect, single.accept, float(single.aql.value))
    if as_json:
        points, risks = (
            [
                {"quality": point.quality, "pa": point.pa, "nonconforming": point.nonconforming}
                for point in some
            ]
            for some in (drawn.points, drawn.risks)
        )
        content = {"schema": "welt.lot-curve/1", "edition": single.edition, "lot_size": plan.lot_size,
                   "class": str(name or only), "aql": str(single.aql), "letter": single.letter,
                   "inspect": single.inspect, "accept": single.accept, "model": str(drawn.model),
                   "unit": drawn.unit, "pa_at_aql": at_aql, "risks": risks, "points": points}  # fmt: skip
        click.echo(json.dumps(content, indent=2))
        return
    click.echo(f"{name or only}, AQL {single.aql}: {single.inspect} of {plan.lot_size} items, "
               f"accept {single.accept}; {drawn.model}, {single.edition}")  # fmt: skip
    click.echo(f"{drawn.unit:>30}  accepted")
    for point in drawn.points:
        count = "" if point.nonconforming is None else f"{number_of(point.nonconforming, 'item')} = "
        bar = "#" * round(40 * point.pa)
        click.echo(f"{f'{count}{point.quality:.4g}':>30}  {point.pa:>7.1%}  {bar}".rstrip())
    if at_aql is not None:
        click.echo(f"at the AQL of {single.aql}, {at_aql:.1%} of lots are accepted")
    for point in drawn.risks:
        count = "" if point.nonconforming is None else f" ({number_of(point.nonconforming, 'item')})"
        click.echo(f"{point.pa:.1%} of lots are accepted at {point.quality:.4g} {drawn.unit}{count}")
