"""The options that several commands share, with one wording."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

Folder = Annotated[
    Optional[Path],  # noqa: UP045 - typer reads this at run time
    typer.Argument(metavar="[FOLDER]", help="A lab's folder (lab.yaml, stack.yaml); the article's lab without one."),
]
Stack = Annotated[
    Optional[list[Path]],  # noqa: UP045
    typer.Option("--stack", metavar="FILE", help="A Compose file in place of the folder's; several are merged."),
]
StackName = Annotated[
    str, typer.Option("--stack-name", metavar="NAME", help="What docker stack deploy would be told to call it.")
]
Topology = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--topo", metavar="NAME[,key=value...]", help="swarm,managers=3,workers=2; leafspine; twosite."),
]
Kernel = Annotated[
    str, typer.Option("--kernel", metavar="auto|host|uml", help="Which kernel carries the lab.", show_default=True)
]
Without = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option("--without", metavar="ipvs|netem|esp", help="Bring the lab up where the kernel lacks this."),
]
Engine = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option("--engine", metavar="G|NODE=G", help="Docker engine generation of the lab or of a node: 18.03, ..."),
]
Seed = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--seed", metavar="N", help="Makes ids and placement repeatable."),
]
NoSwarm = Annotated[
    bool, typer.Option("--no-swarm", help="Leave the machines outside any swarm, for your own docker swarm init.")
]
Output = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--output", metavar="DIR", help="A folder that what runs in the lab may write to on the host."),
]
LabName = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--lab", metavar="NAME", help="Which running lab, by name or process; needed when there are several."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
