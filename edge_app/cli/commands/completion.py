"""What makes a shell complete commands, options and folders; written by shtab from the options."""

from __future__ import annotations

import argparse

from edge_app.cli.folder import commands_of
from edge_app.config import Config
from edge_app.errors import UsageError
from edge_app.host import install_with

# In the place of a command a folder is served, which shtab has no way to say; zsh has none to add.
FOLDERS = {
    "bash": """eval "$(complete -p lookalike | sed 's/^complete /complete -o dirnames /')\"""",
    "fish": "complete -c lookalike -n __fish_use_subcommand -a '(__fish_complete_directories)'",
}


def completion(config: Config, options: argparse.Namespace) -> int:
    """Print the script for a shell."""
    parser: argparse.ArgumentParser = options.parser
    try:
        import shtab
    except ImportError:
        raise UsageError(f"completion needs a package: {install_with('shtab')}") from None
    folder, file = shtab.DIRECTORY, shtab.FILE
    kinds = {"DIR": folder, "PLACE": folder, "FILE": file, "IMAGE": file}
    for command in commands_of(parser).values():
        for action in command._actions:
            kind = next((kind for word, kind in kinds.items() if word in str(action.metavar)), None)
            if kind:
                action.complete = kind  # type: ignore[attr-defined] # how shtab is told
    parser.prog = "lookalike"
    print(shtab.complete(parser, options.shell))
    print(FOLDERS.get(options.shell, ""))
    return 0
