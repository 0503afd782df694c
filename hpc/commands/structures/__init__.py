"""Commands that list materials and build structures: slabs, interfaces, orderings, defects, glasses."""
