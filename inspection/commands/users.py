"""``welt users``: people and what they may do."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from inspection.commands.shared import BY, Commands, data_dir_option, opened_store

__all__ = ["users"]

_role = click.Choice(["viewer", "inspector", "engineer", "admin"])
_from_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")


def _password(name: str, from_stdin: bool) -> str:
    """Never from the arguments of the command: those are seen by everyone on the machine."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask for the password: use --password-stdin")
    return str(click.prompt(f"Password of {name}", hide_input=True, confirmation_prompt=True, err=True))


@click.group(cls=Commands)
def users() -> None:
    """Add people, and say what they may do.

    \b
    Roles, each with the rights of those before it: viewer (sees results), inspector (agrees and
    overrides), engineer (recipes and models), admin (people, stations and keys).
    """


@users.command("add")
@click.argument("name")
@click.option("--role", type=_role, default="viewer", show_default=True)
@_from_stdin
@data_dir_option
def add_user(name: str, role: str, password_stdin: bool, data_dir: Path | None) -> None:
    """Add the person NAME; the password is asked for.

    \b
    Examples:
      welt users add li.wei --role inspector
      pass welt/admin | welt users add admin --role admin --password-stdin
    """
    from inspection.access import Role
    from inspection.store import people

    password = _password(name, password_stdin)
    with opened_store(data_dir) as store:
        people.add(store, name, password, Role(role), by=BY)
    click.echo(f"added {name} as {role}")


@users.command("list")
@data_dir_option
def list_users(data_dir: Path | None) -> None:
    """List people with their roles.

    \b
    Example: welt users list
    """
    from inspection.store import people

    with opened_store(data_dir) as store:
        for user in people.everyone(store):
            state = "disabled" if user.disabled_at else ""
            seen = f"last login {user.last_login_at:%Y-%m-%d}" if user.last_login_at else "never logged in"
            click.echo(f"{user.name:<24}{user.role:<11}{seen:<24}{state}".rstrip())


@users.command("role")
@click.argument("name")
@click.argument("role", type=_role)
@data_dir_option
def set_role(name: str, role: str, data_dir: Path | None) -> None:
    """Change what the person NAME may do, from their next request on.

    \b
    Example: welt users role li.wei engineer
    """
    from inspection.access import Role
    from inspection.store import people

    with opened_store(data_dir) as store:
        people.set_role(store, name, Role(role), by=BY)
    click.echo(f"{name} is {role} now")


@users.command("password")
@click.argument("name")
@_from_stdin
@data_dir_option
def set_password(name: str, password_stdin: bool, data_dir: Path | None) -> None:
    """Give the person NAME a new password; it is asked for. All their sessions end.

    \b
    Example: welt users password li.wei
    """
    from inspection.store import people

    password = _password(name, password_stdin)
    with opened_store(data_dir) as store:
        people.set_password(store, name, password, by=BY)
    click.echo(f"{name} has a new password")


@users.command("disable")
@click.argument("name")
@data_dir_option
def disable_user(name: str, data_dir: Path | None) -> None:
    """Keep the person NAME out, at once; what they did stays.

    \b
    Example: welt users disable li.wei
    """
    from inspection.store import people

    with opened_store(data_dir) as store:
        people.disable(store, name, by=BY)
    click.echo(f"{name} is disabled")


@users.command("enable")
@click.argument("name")
@data_dir_option
def enable_user(name: str, data_dir: Path | None) -> None:
    """Let the disabled person NAME in again.

    \b
    Example: welt users enable li.wei
    """
    from inspection.store import people

    with opened_store(data_dir) as store:
        people.enable(store, name, by=BY)
    click.echo(f"{name} is enabled")
