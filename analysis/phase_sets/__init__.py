"""What becomes of a phase set: taken to a temperature, joined with another."""
