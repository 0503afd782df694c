"""What other programs rely on: JSON schemas of the answers, and the questions as tools of an agent."""
