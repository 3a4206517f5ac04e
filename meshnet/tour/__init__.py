"""The article's walk through the routing mesh: its commands, where it ran them, and what must be seen."""

from meshnet.tour.article import STEPS
from meshnet.tour.step import Answer, Check, Step, alternates, differs, shows

__all__ = ["STEPS", "Answer", "Check", "Step", "alternates", "differs", "shows"]
