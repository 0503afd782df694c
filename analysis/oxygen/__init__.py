"""Oxygen vacancies over the lithium content, and which ion pays for them."""
