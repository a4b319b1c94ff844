"""Commands and options of earlier versions are refused with their new names."""

import pytest
import typer

from hilum.cli import make_app
from hilum.cli.renamed import COMMANDS, OPTIONS, OPTIONS_OF_COMMANDS, refuse_old_names
from hilum.errors import HilumError


def commands():
    return typer.main.get_command(make_app()).commands


def options(command):
    return {option for parameter in command.params for option in parameter.opts}


@pytest.mark.parametrize(("old", "new"), COMMANDS.items())
def test_an_old_command_names_the_new_one(old, new):
    with pytest.raises(HilumError, match=f"hilum {old}: expected the new name, hilum {new}"):
        refuse_old_names([old, "--help"])
    assert new in commands()
    assert old not in commands()


@pytest.mark.parametrize(("old", "new"), OPTIONS.items())
def test_an_old_option_names_the_new_one(old, new):
    with pytest.raises(HilumError, match=f"{old}: expected the new name, {new}"):
        refuse_old_names(["pretrain", "simclr", f"{old}=1"])
    known = set().union(*(options(command) for command in commands().values()))
    assert new in known
    assert old not in known


@pytest.mark.parametrize(("command", "old", "new"), [(*key, new) for key, new in OPTIONS_OF_COMMANDS.items()])
def test_an_option_of_one_command_names_the_new_one(command, old, new):
    with pytest.raises(HilumError, match=f"{old}: expected the new name, {new}"):
        refuse_old_names([command, "DATA", old, "1"])
    assert new in options(commands()[command])
    assert old not in options(commands()[command])


def test_what_was_not_renamed_goes_on():
    refuse_old_names(["phantom", "--images", "60", "--out", "images"])
    refuse_old_names(["study", "show", "demo"])
    refuse_old_names([])


def test_a_percentage_is_answered_with_a_fraction():
    with pytest.raises(HilumError, match=r"a fraction \(0.1\) instead of percent \(10\)"):
        refuse_old_names(["pretrain", "simclr", "--share", "nih=10"])
