"""A stand-in for the VASP binary."""
