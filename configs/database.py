"""Names of databases in MongoDB URIs; imported at every start, and so without a library."""

from __future__ import annotations

__all__ = ["DATABASE", "REHEARSAL", "rehearsal_uri"]

#: the database of a URI that names none, and what stands after the name of one of rehearsals
DATABASE, REHEARSAL = "catholyte", "-rehearsal"


def rehearsal_uri(uri: str) -> str:
    """The MongoDB URI of rehearsals beside another one: its database with ``-rehearsal`` after its name, its options as
    they are; that of rehearsals stays as it is.

    Parameters
    ----------
    uri : str
        With all variables filled in: a variable may hold options, which follow the database.
    """
    head, question, options = uri.partition("?")
    scheme, found, rest = head.partition("://")
    if not found:
        return uri  # no URI: refused where it is opened
    hosts, _, database = rest.partition("/")
    name = database or DATABASE
    return f"{scheme}://{hosts}/{name.removesuffix(REHEARSAL)}{REHEARSAL}{question}{options}"
