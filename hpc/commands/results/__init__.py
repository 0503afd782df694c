"""Commands that analyse results: band centres, layered geometry, trajectories."""
