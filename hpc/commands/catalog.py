"""Every command that answers with a document, in the order of `--help`."""

from __future__ import annotations

from .campaigns import (
    cancel,
    check_inputs,
    database,
    doctor,
    import_,
    inputs,
    new,
    plan,
    report,
    retry,
    run,
    status,
    submit,
    tend,
    why,
)
from .results import bands, claims, dynamics, export, layers, void
from .structures import (
    barrier,
    conductivity,
    elastic,
    glass,
    interfaces,
    materials,
    orderings,
    reconstruct,
    slabs,
    substitute,
    vacancies,
)
from .thermodynamics import phases, reactions, screen, volumes, window

__all__ = ["COMMANDS"]

#: in the order of `--help`
COMMANDS = (
    materials.COMMAND,
    new.COMMAND,
    plan.COMMAND,
    run.COMMAND,
    status.COMMAND,
    why.COMMAND,
    report.COMMAND,
    claims.COMMAND,
    doctor.COMMAND,
    bands.COMMAND,
    slabs.COMMAND,
    interfaces.COMMAND,
    orderings.COMMAND,
    vacancies.COMMAND,
    reconstruct.COMMAND,
    glass.COMMAND,
    layers.COMMAND,
    substitute.COMMAND,
    barrier.COMMAND,
    conductivity.COMMAND,
    elastic.COMMAND,
    reactions.COMMAND,
    window.COMMAND,
    volumes.COMMAND,
    void.COMMAND,
    screen.COMMAND,
    phases.COMMAND,
    dynamics.COMMAND,
    submit.COMMAND,
    tend.COMMAND,
    retry.COMMAND,
    cancel.COMMAND,
    database.COMMAND,
    inputs.COMMAND,
    import_.COMMAND,
    check_inputs.COMMAND,
    export.COMMAND,
)
