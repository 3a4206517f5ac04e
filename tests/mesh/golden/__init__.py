"""The golden texts of the article's cluster."""

from pathlib import Path

GOLDEN = Path(__file__).parent
