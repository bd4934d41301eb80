"""``welt stations``: stations of the line and the API keys of their cameras."""

from __future__ import annotations

from pathlib import Path

import click

from inspection.commands.shared import BY, Commands, data_dir_option, opened_store

__all__ = ["stations"]


@click.group(cls=Commands)
def stations() -> None:
    """Add stations of the line, and the API keys of their cameras."""


@stations.command("add")
@click.argument("name")
@click.option("--description", default="", help="Where it is and what it sees.")
@data_dir_option
def add_station(name: str, description: str, data_dir: Path | None) -> None:
    """Add the station NAME.

    \b
    Example: welt stations add line-2.toe --description "after lasting, toe camera"
    """
    from inspection.store import stations as stored

    with opened_store(data_dir) as store:
        stored.add(store, name, by=BY, description=description)
    click.echo(f"added station {name}; next: welt stations key create {name}")


@stations.command("list")
@data_dir_option
def list_stations(data_dir: Path | None) -> None:
    """List stations and their keys, without the secrets.

    \b
    Example: welt stations list
    """
    from inspection.store import stations as stored

    with opened_store(data_dir) as store:
        for station in stored.all_stations(store):
            state = "" if station.active else "  disabled"
            click.echo(f"{station.name}  {station.description}{state}".rstrip())
            for key in stored.keys(store, station.name):
                used = f"last used {key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never used"
                state = f"revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else used
                click.echo(
                    f"    key {key.key_id}  made {key.created_at:%Y-%m-%d}  {state}  {key.note}".rstrip()
                )


@stations.command("disable")
@click.argument("name")
@data_dir_option
def disable_station(name: str, data_dir: Path | None) -> None:
    """Take no more photos from the station NAME; its results stay.

    \b
    Example: welt stations disable line-2.toe
    """
    from inspection.store import stations as stored

    with opened_store(data_dir) as store:
        stored.disable(store, name, by=BY)
    click.echo(f"station {name} is disabled")


@stations.command("enable")
@click.argument("name")
@data_dir_option
def enable_station(name: str, data_dir: Path | None) -> None:
    """Take photos from the disabled station NAME again.

    \b
    Example: welt stations enable line-2.toe
    """
    from inspection.store import stations as stored

    with opened_store(data_dir) as store:
        stored.enable(store, name, by=BY)
    click.echo(f"station {name} is enabled")


@stations.group("key", cls=Commands)
def station_key() -> None:
    """Create and revoke the API keys of a station."""


@station_key.command("create")
@click.argument("station")
@click.option("--note", default="", help="Which camera it is for.")
@data_dir_option
def create_key(station: str, note: str, data_dir: Path | None) -> None:
    """Create an API key for STATION and print it: this once, and never again.

    \b
    Examples:
      welt stations key create line-2.toe --note "camera 7"
      export WELT_KEY=$(welt stations key create line-2.toe)
    """
    from inspection.store import stations as stored

    with opened_store(data_dir) as store:
        made = stored.create_key(store, station, by=BY, note=note)
    click.echo(f"key {made.key.key_id} of station {station}; keep it, it is not shown again:", err=True)
    click.echo(made.text)


@station_key.command("revoke")
@click.argument("key_id")
@data_dir_option
def revoke_key(key_id: str, data_dir: Path | None) -> None:
    """Stop the key KEY_ID from working, at once and for ever.

    \b
    Example: welt stations key revoke k7m2p9x4tq
    """
    from inspection.store import stations as stored

    with opened_store(data_dir) as store:
        key = stored.revoke_key(store, key_id, by=BY)
    click.echo(f"key {key.key_id} of station {key.station} is revoked")
