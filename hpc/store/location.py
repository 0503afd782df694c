"""Where a store is, as a user writes it: a folder or a MongoDB URI; what is neither is refused, and a URI is shown
without its secrets."""

from __future__ import annotations

import re
from urllib.parse import unquote

from ...configs.database import DATABASE
from ...configs.errors import InputError

__all__ = ["database_of", "is_uri", "require_location", "scrubbed", "without_password"]

_SCHEMES = ("mongodb://", "mongodb+srv://")
#: hosts and database: what may be shown
_PLAIN = re.compile(r"[\w.\-,\[\]]+(?::\d{1,5})?(?:,[\w.\-\[\]:]+)*(?:/[\w.\-]*)?")


def is_uri(location: str) -> bool:
    """True for a MongoDB URI."""
    return location.startswith(_SCHEMES)


def require_location(location: str) -> None:
    """Refuse what is neither a folder nor a MongoDB URI: a slip in a URI must not make a folder with a password in its
    name.

    Raises
    ------
    InputError
        With what is wrong; neither password nor options are told.
    """
    if is_uri(location):
        database_of(location)
    elif (":/" in location or "@" in location) and not location.startswith(("/", "./", "../")):
        raise InputError(
            f"{without_password(location)}: this is no folder, and no MongoDB URI either",
            "a URI begins with mongodb:// or mongodb+srv://; a folder of such a name is written ./NAME",
        )


def database_of(uri: str) -> str:
    """Name of the database that a MongoDB URI means.

    Raises
    ------
    InputError
        If the URI is wrong.
    """
    from pymongo.errors import ConfigurationError, PyMongoError
    from pymongo.uri_parser import parse_uri

    try:
        return str(parse_uri(uri)["database"] or DATABASE)
    except ConfigurationError as error:
        if uri.startswith("mongodb+srv://") and "DNS" in str(error):  # no network here: the name stands in the URI
            return unquote(uri.partition("?")[0].rpartition("@")[2].partition("/")[2]) or DATABASE
        raise _wrong(uri, error) from None
    except (PyMongoError, ValueError) as error:
        raise _wrong(uri, error) from None


def _wrong(uri: str, error: Exception) -> InputError:
    return InputError(
        f"{without_password(uri)}: MongoDB cannot be used: {scrubbed(str(error).splitlines()[0][:300], uri)}",
        "check the URI: mongodb://USER:PASSWORD@HOST/DATABASE, with /, :, @ and ? of a password as %2F, %3A, %40, %3F",
    )


def without_password(location: str) -> str:
    """A location as it may be printed: of a URI its scheme, user, hosts and database; never a password or an option.

    What looks like a URI and is none is hidden where a password may stand.
    """
    if not is_uri(location) and (location.startswith(("/", "./", "../")) or not re.search(":/|@", location)):
        return location
    scheme, found, rest = re.match(r"([^:/@]*)(:/{1,2})?(.*)", location, re.DOTALL).groups()  # type: ignore[union-attr]
    user, at, tail = rest.rpartition("@")
    tail = tail.partition("?")[0]
    if not at and not _PLAIN.fullmatch(tail):
        return f"{scheme}{found or ':'}…"
    hosts = tail if _PLAIN.fullmatch(tail) else "…"
    if not at:
        return f"{scheme}{found or ':'}{hosts}"
    name, colon, _ = user.partition(":")
    told = name if re.fullmatch(r"[\w.\-%]+", name) else "…"
    return f"{scheme}{found or ':'}{told}{':…' if colon else ''}@{hosts}"


def scrubbed(text: str, uri: str) -> str:
    """A message about a URI without the password and the values of the options that stand in it."""
    head, _, options = uri.partition("?")
    password = head.rpartition("@")[0].partition("://")[2].partition(":")[2]
    values = [value for option in options.split("&") for value in [option.partition("=")[2]]]
    for secret in sorted({password, *values}, key=len, reverse=True):
        for spelled in {secret, unquote(secret)} - {""}:
            text = text.replace(spelled, "…") if len(spelled) > 2 else text
    return text
