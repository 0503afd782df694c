"""Quantities that claims may compare, from what the chapters computed; the chapters register them."""
