"""VASP under custodian: inputs, parts of a run, the document, and the rehearsal without a licence."""
