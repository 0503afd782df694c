"""Transport: barriers of hops, and how far a set of them leads."""
