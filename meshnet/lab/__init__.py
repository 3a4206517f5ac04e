"""A running lab: Mininet's nodes and links, the workloads in tasks, its lifetime, and the way to speak to it."""
