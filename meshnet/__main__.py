"""``python -m meshnet``: the command line."""

import sys

from meshnet.cli import main

sys.exit(main())
