"""A lab's folder (``lab.yaml`` and ``stack.yaml``) and the command line's options, as one ``model.lab.LabSpec``.

``load_lab(folder, overrides)`` reads and checks everything before anything is started: whatever could not be built is
one ``InputError`` sentence with file and line.
"""

from meshnet.labfolder.load import load_lab
from meshnet.labfolder.overrides import Overrides

__all__ = ["Overrides", "load_lab"]
