"""Gibbs energies at a temperature: gases from tables, mixtures that fix chemical potentials, solids by a model."""
