"""A recipe proposed from the names of a cathode, an electrolyte and coatings."""
