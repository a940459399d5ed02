"""What makes a shell complete commands, options and folders; written by shtab from the options."""

from __future__ import annotations

import argparse

from edge_app.cli.parser import arguments_of, commands_of
from edge_app.config import Config
from edge_app.errors import UsageError
from edge_app.host import install_with

# A folder in the place of a command is served, which shtab has no way to say: folders are offered
# too, and after one the options of `serve`. COMMANDS stands for "index|serve|…".
BASH = """
_lookalike() {
  (( COMP_CWORD > 1 )) && case ${COMP_WORDS[1]} in COMMANDS|-*) ;; *) COMP_WORDS[1]=serve ;; esac
  _shtab_lookalike "$@"
}
complete -o bashdefault -o dirnames -F _lookalike lookalike"""
FISH = """
complete -c lookalike -n __fish_use_subcommand -a '(__fish_complete_directories)'
complete -c lookalike -n 'string match -qrv "^(COMMANDS|-.*)\\$" -- (commandline -opc)[2]' \\
-a '(complete -C "lookalike serve "(string join " " -- (commandline -opc)[3..] (commandline -ct)))'
"""
# zsh reads the script as one function, so nothing can follow it.
ZSH = {
    "  _describe 'lookalike commands' _commands\n": "  _files -/\n",
    "_shtab_lookalike() {\n": (
        "  (( CURRENT > 2 )) && case $words[2] in (COMMANDS|-*) ;; (*) words[2]=serve ;; esac\n"
    ),
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
    commands = commands_of(parser)
    for command in commands.values():
        for action in arguments_of(command):
            kind = next((kind for word, kind in kinds.items() if word in str(action.metavar)), None)
            if kind:
                action.complete = kind  # type: ignore[attr-defined] # how shtab is told
    parser.prog = "lookalike"
    script = shtab.complete(parser, options.shell)
    for line, more in ZSH.items() if options.shell == "zsh" else ():
        script = script.replace(line, line + more)
    script += {"bash": BASH, "fish": FISH}.get(options.shell, "")
    print(script.replace("COMMANDS", "|".join(commands)))
    return 0
