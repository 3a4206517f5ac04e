"""Compose files, as ``docker stack deploy`` reads them: what bears on the mesh is taken, the rest is named.

``load_stack(paths)`` gives a ``model.Stack``. A mistake is one ``InputError`` sentence with file, line and key.
"""

from meshnet.compose.load import load_stack

__all__ = ["load_stack"]
