"""The Docker Engine API of every node of a lab, on the node's own ``/var/run/docker.sock``."""
