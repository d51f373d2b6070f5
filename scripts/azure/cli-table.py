"""Writes test/infra/az-commands.json: which arguments the real Azure CLI takes, for the commands that this repository
uses. The stub for `az` refuses everything else. It reads the CLI's own table of commands, and asks nothing of the network:

    python3 -m venv /tmp/azure-cli && /tmp/azure-cli/bin/pip install azure-cli
    /tmp/azure-cli/bin/python scripts/azure/cli-table.py >test/infra/az-commands.json
"""

import argparse
import json
import sys

from azure.cli.core import __version__, get_default_cli
from azure.cli.core.commands.events import EVENT_INVOKER_PRE_LOAD_ARGUMENTS
from knack.events import EVENT_INVOKER_POST_CMD_TBL_CREATE

# Of the scripts, the workflows and docs/deploy/. A test says what is missing here.
COMMANDS = [
    "account list-locations",
    "account show",
    "acr build",
    "acr create",
    "acr list",
    "acr login",
    "acr repository show",
    "acr show",
    "ad signed-in-user show",
    "bicep install",
    "bicep upgrade",
    "container delete",
    "container exec",
    "container logs",
    "container restart",
    "container show",
    "deployment group create",
    "deployment group show",
    "deployment group what-if",
    "group create",
    "group delete",
    "group show",
    "identity create",
    "identity federated-credential create",
    "identity show",
    "keyvault list",
    "keyvault list-deleted",
    "keyvault purge",
    "keyvault secret backup",
    "login",
    "monitor diagnostic-settings delete",
    "monitor log-analytics workspace delete",
    "network dns record-set a delete",
    "network dns record-set cname delete",
    "provider list",
    "provider register",
    "resource delete",
    "resource list",
    "role assignment create",
    "role assignment delete",
    "role assignment list",
    "role definition create",
    "role definition list",
]


def parser_of(command):
    """The argument parser of one command, as the CLI itself makes it."""
    cli = get_default_cli()
    cli.invocation = cli.invocation_cls(
        cli_ctx=cli,
        parser_cls=cli.parser_cls,
        commands_loader_cls=cli.commands_loader_cls,
        help_cls=cli.help_cls,
    )
    cli.invocation.data["command_string"] = command
    loader = cli.invocation.commands_loader
    loader.load_command_table(command.split())
    loader.command_name = command
    cli.raise_event(EVENT_INVOKER_PRE_LOAD_ARGUMENTS, commands_loader=loader)
    loader.load_arguments(command)
    cli.raise_event(EVENT_INVOKER_POST_CMD_TBL_CREATE, commands_loader=loader)
    cli.invocation.parser.load_command_table(loader)
    parser = cli.invocation.parser
    for word in command.split():
        groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        parser = groups[0].choices[word]
    return parser


def takes(action):
    """How many values stand behind an option."""
    if action.nargs == 0 or isinstance(action, (argparse._StoreTrueAction, argparse._StoreFalseAction)):
        return "none"
    if action.nargs == "?":
        return "none or one"
    return "one" if action.nargs is None else "some"


def described(action):
    """One argument: its names, what it takes, and the words that it is limited to."""
    row = {"names": list(action.option_strings), "takes": takes(action)}
    if action.required:
        row["required"] = True
    if action.choices is not None and len(list(action.choices)) <= 20:
        row["choices"] = sorted(str(choice) for choice in action.choices)
    return row


def table():
    commands = {}
    for command in COMMANDS:
        arguments = [action for action in parser_of(command)._actions if action.help != argparse.SUPPRESS]
        options = [described(action) for action in arguments if action.option_strings]
        positional = [str(action.metavar or action.dest) for action in arguments if not action.option_strings]
        commands[command] = {"positional": positional, "options": sorted(options, key=lambda row: row["names"])}
    return {"azureCli": __version__, "commands": commands}



json.dump(table(), sys.stdout, indent=2)
print()
