"""What a user writes down: materials, recipes, engines, clusters, and the specifications that check them."""
