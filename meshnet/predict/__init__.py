"""Walks one packet through namespaces on paper, and says hop by hop what happens and which entry decided."""
