"""An option that several commands have means the same in each of them."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from mlops.cli import options
from mlops.cli.app import COMMANDS, LazyGroup
from mlops.cli.deploying import confirmed
from mlops.errors import UsageError


def commands() -> Iterator[click.Command]:
    group = LazyGroup("mlops")
    waiting = [group.get_command(click.Context(group), name) for name in COMMANDS]
    while waiting:
        command = waiting.pop()
        if isinstance(command, click.Group):
            waiting += command.commands.values()
        elif command is not None:
            yield command


@pytest.mark.parametrize("name", ["yes", "quiet", "dry_run", "params"])
def test_an_option_is_spelt_and_explained_alike_wherever_it_is(name: str) -> None:
    declared = click.command()(getattr(options, name)(lambda: None)).params[0]
    assert isinstance(declared, click.Option)
    found = [
        (option.opts, option.help)
        for command in commands()
        for option in command.params
        if isinstance(option, click.Option) and set(option.opts) & set(declared.opts)
    ]

    assert len(found) > 1
    assert found == [(declared.opts, declared.help)] * len(found)


def test_a_question_without_a_terminal_asks_for_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)

    confirmed("retry run 1 of churn?", yes=True)
    with pytest.raises(UsageError, match="no terminal") as caught:
        confirmed("retry run 1 of churn?", yes=False)

    assert caught.value.hint == "add --yes"


def test_every_parameter_without_a_name_or_a_value_is_told_at_once():
    assert options.parameters(("a=1", " b =x=y")) == {"a": "1", "b": "x=y"}
    with pytest.raises(UsageError, match="'foo', '=3'"):
        options.parameters(("foo", "a=1", "=3"))
