"""Sees what packets really do: captures in every namespace at once, and joins what was seen into one path."""
