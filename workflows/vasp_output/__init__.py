"""Reading what VASP wrote: files found by name, damage named, arrays taken out. No maker, no engine."""
