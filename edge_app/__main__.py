"""`python -m edge_app`: see `cli`."""

import os
import sys

if sys.argv[1:2] == ["index"]:
    # The one product of matrices in an index run is small, and OpenBLAS's threads would then spin
    # for a while, on cores that could decode. It reads this when NumPy is imported, never again.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from edge_app.cli import main

sys.exit(main())
