"""A node's containers in Docker's words: a service's task's and those that somebody started by hand."""
