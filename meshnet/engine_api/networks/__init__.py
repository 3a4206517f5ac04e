"""Networks in Docker's words: the swarm's, as one node sees them, and the node's own."""
