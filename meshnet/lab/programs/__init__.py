"""Programs that run for a client: on pipes or on a terminal, whoever the client is and however it is reached."""

from meshnet.lab.programs.child import Spawned, Spawner, shell_status
from meshnet.lab.programs.program import Client, Output, Program, set_size

__all__ = ["Client", "Output", "Program", "Spawned", "Spawner", "set_size", "shell_status"]
