"""Programs that run for a client: on pipes or on a terminal, whoever the client is and however it is reached."""

from meshnet.lab.programs.child import FailedStart, Spawned, Spawner, shell_status
from meshnet.lab.programs.program import Client, Output, Program, set_size

__all__ = ["Client", "FailedStart", "Output", "Program", "Spawned", "Spawner", "set_size", "shell_status"]
