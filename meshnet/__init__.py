"""meshnet: Docker Swarm's routing mesh on a bench.

The layers, in the order a request passes through them (each imports only those before it):

``model``, ``compose``  what is wanted, in Docker's vocabulary
``orchestrator``        where it runs: a pure state machine giving the next ``ClusterState``
``netstate``, ``mesh``  what each namespace of each node should hold, and how it differs from what it has
``kernel``              the only code that touches a kernel: ``apply`` and ``observe``
``lab``                 Mininet, workloads, lifetime
``cli``                 the face
"""

__version__ = "0.1.0"
