"""What can be known to go wrong before a core hour is spent."""
