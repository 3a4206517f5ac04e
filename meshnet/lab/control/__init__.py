"""How anything outside a lab speaks to the one process inside it: many channels over one stream of bytes.

``wire`` is the format, ``relay`` carries it between terminals and the lab, ``client`` is what a command or a test
holds, ``terminal`` joins a program in the lab to this terminal, ``rendezvous`` is how a second one finds the lab.
"""
