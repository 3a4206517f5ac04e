"""Which kernel a lab runs on, and how a process comes to stand inside it."""
