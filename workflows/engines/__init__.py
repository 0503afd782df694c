"""What an engine is, what can be asked of it, and the gate that its results pass."""
