"""Phase sets, hulls, reactions, windows, volumes, screens and voltages."""
