"""What each command does, from settings to printed lines; the returned number is the exit code.

The module of `lookalike check` is `check`; those of a cluster are together in `machines`."""
