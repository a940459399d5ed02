"""`python -m edge_app`: see `cli`."""

import sys

from edge_app.cli import main

sys.exit(main())
