"""What renderers give, against a real engine's dumps, against themselves, and as text to read."""
