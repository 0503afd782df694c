"""From a recipe to jobs: engines, flows, plans, and the one document that every calculation answers with."""
