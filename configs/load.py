"""YAML to validated specification; every error names file, line, key and the allowed values."""

from __future__ import annotations

import os
import re
import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from .errors import InputError, UnknownNameError, near_match_hint
from .harmless import read_text, require_harmless, shortened
from .models import Material

if TYPE_CHECKING:  # its sections take a third of a second, and most commands read none
    from .recipe import Recipe

__all__ = [
    "CONFIGS",
    "ENGINES_VARIABLE",
    "MATERIALS_VARIABLE",
    "SourceFile",
    "engine_basis",
    "engine_file",
    "engine_settings",
    "is_library_name",
    "library_formulas",
    "load_materials",
    "load_recipe",
    "material",
    "parse_file",
    "parse_shipped",
    "read_yaml",
    "recipe_names",
]

CONFIGS = Path(__file__).parent
#: a folder of the user's own material files, searched before the library
MATERIALS_VARIABLE = "CATHOLYTE_MATERIALS"
#: a folder of files of the user's own engines, searched after the library
ENGINES_VARIABLE = "CATHOLYTE_ENGINES"

#: a file's formula where it stands on a line of its own, quoted or plain
_FORMULA = re.compile(r"""^formula: *(["']?)(?P<formula>[\w.()]+)\1 *(?:#.*)?$""", re.MULTILINE)
#: problems of one file that are listed
_MOST_PROBLEMS = 20

AnyModel = TypeVar("AnyModel", bound=BaseModel)
Location = Sequence[str | int]


@dataclass(frozen=True)
class SourceFile:
    """A parsed YAML file that still knows on which line each key stands."""

    path: Path
    data: Any

    def line(self, location: Location) -> int:
        """Return the 1-based line of the deepest part of `location` that stands in the file."""
        node, line = self.data, 1
        for part in location:
            try:
                places: Any = node.lc  # line and column, kept by ruamel.yaml
                position = places.key(part) if isinstance(node, Mapping) else places.item(part)
                line, node = position[0] + 1, node[part]
            except (AttributeError, KeyError, IndexError, TypeError):
                break
        return line

    def error(self, location: Location, problem: str) -> InputError:
        """Return the error to raise for the key at `location`."""
        key = ".".join(_cut(str(part), 60) for part in location)
        told = _cut(problem, 2000)
        return InputError(f"{self.path}:{self.line(location)}: " + (f"key '{key}': {told}" if key else told))


def read_yaml(path: Path) -> SourceFile:
    """Read one YAML file.

    Raises
    ------
    InputError
        If the file is missing, unreadable, larger than 1 MB, not YAML (with the line), or not a mapping; if it nests,
        repeats itself by aliases, or holds numbers as no specification does.
    """
    text = read_text(path)
    try:
        require_harmless(text, path)
        data = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = " ".join(str(error.problem or error.context).split())
        raise InputError(f"{path}:{line}: not valid YAML: {problem}") from None
    except (YAMLError, ValueError, RecursionError, AttributeError, TypeError, KeyError) as error:
        # the loader stumbles over tags and merges that it does not know
        raise InputError(f"{path}:1: not valid YAML: {shortened(str(error))}") from None
    if not isinstance(data, Mapping):
        raise InputError(f"{path}:1: a mapping of keys to values is needed, not {type(data).__name__}")
    return SourceFile(path, data)


def parse_file(path: Path, model: type[AnyModel]) -> tuple[AnyModel, SourceFile]:
    """Read and validate one YAML file against `model`.

    Raises
    ------
    InputError
        One line per problem, each with file, line, key and the allowed values.
    """
    source = read_yaml(path)
    return validate(source, model), source


def validate(source: SourceFile, model: type[AnyModel]) -> AnyModel:
    """Validate a parsed file; raises as :func:`parse_file` does."""
    try:
        return model.model_validate(_plain(source.data))
    except ValidationError as error:
        lines = [str(source.error(_location(source, item["loc"]), _problem(model, item))) for item in error.errors()]
        told = list(dict.fromkeys(lines))
        more = [f"{source.path}: {len(told) - _MOST_PROBLEMS} more problems"] if len(told) > _MOST_PROBLEMS else []
        raise InputError("\n".join([*told[:_MOST_PROBLEMS], *more])) from None


def _cut(text: str, most: int) -> str:
    """A text of at most so many characters."""
    return text if len(text) <= most else f"{text[:most]}…"


def _plain(node: Any) -> Any:
    """Strip the line bookkeeping: plain dicts, lists and scalars."""
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, str):
        return str(node)
    if isinstance(node, Iterable):
        return [_plain(value) for value in node]
    if isinstance(node, float):
        return float(node)
    return int(node) if isinstance(node, int) and not isinstance(node, bool) else node


def _location(source: SourceFile, loc: tuple[str | int, ...]) -> list[str | int]:
    """Keep the parts of pydantic's location that are keys of the file, and one missing key at the end."""
    node, kept = source.data, []
    for part in loc:
        if part == "[key]":  # pydantic's word for a key that is refused itself
            break
        kept.append(part)
        try:
            node = node[part]
        except (KeyError, IndexError, TypeError):
            break
    return kept


def _problem(model: type[BaseModel], item: Any) -> str:
    kind, given = item["type"], item.get("input")
    if kind == "extra_forbidden":
        fields = _fields_at(model, item["loc"][:-1])
        return f"unknown key; {near_match_hint(_cut(str(item['loc'][-1]), 60), fields)}"
    if kind == "missing":
        return "this key is needed and missing"
    if kind == "literal_error":
        allowed = re.findall(r"'([^']*)'", item["ctx"]["expected"])
        return f"{shortened(given)} is not allowed; {near_match_hint(_cut(str(given), 60), allowed)}"
    message = str(item["msg"]).removeprefix("Value error, ")
    if isinstance(given, Mapping) or repr(given) in message:
        return message
    return f"{message} (given: {shortened(given)})"


def _fields_at(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """Names of the fields allowed at `loc`."""
    current: type[BaseModel] = model
    for part in loc:
        if isinstance(part, str) and part in current.model_fields:
            current = _model_in(current.model_fields[part].annotation) or current
    return list(current.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if (
        isinstance(annotation, type)
        and not isinstance(annotation, types.GenericAlias)
        and issubclass(annotation, BaseModel)
    ):
        return annotation
    return next((found for arg in get_args(annotation) if (found := _model_in(arg)) is not None), None)


@cache
def _shipped_material_files() -> dict[str, Path]:
    return {path.stem: path for path in sorted((CONFIGS / "materials").glob("*.yaml"))}


def _material_files() -> dict[str, Path]:
    files = dict(_shipped_material_files())
    own = os.environ.get(MATERIALS_VARIABLE)
    if own:
        files |= {path.stem: path for path in sorted(Path(own).glob("*.yaml"))}
    return files


def parse_shipped(path: Path, model: type[AnyModel]) -> AnyModel:
    """Read and validate a file of data of this package; one from elsewhere is read as :func:`parse_file` does.

    Raises
    ------
    InputError
        As :func:`parse_file`, for a file from elsewhere.
    """
    return model.model_validate(_shipped(path)) if path.is_relative_to(CONFIGS) else parse_file(path, model)[0]


def _shipped(path: Path) -> Any:
    """A file of the package as plain values: PyYAML's C parser is fifteen times as fast, and a test holds the package's
    files to what ruamel.yaml reads; for those of users it is too lax (YAML 1.1, keys that stand twice)."""
    import yaml

    return yaml.load(read_text(path), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@cache
def _load_material_file(path: Path) -> Material:
    if path.parent == CONFIGS / "materials":
        return Material.model_validate(_shipped(path))
    found, source = parse_file(path, Material)
    if found.name != path.stem:
        raise source.error(["name"], f"{found.name!r} must equal the file's name {path.stem!r}")
    return found


def load_materials(names: Iterable[str] | None = None) -> dict[str, Material]:
    """Return the whole library by name, the user's own folder (``CATHOLYTE_MATERIALS``) included.

    Parameters
    ----------
    names : iterable of str, optional
        Read the files of these alone; one that is none of the library is left out.
    """
    files = _material_files()
    chosen = files if names is None else [name for name in names if name in files]
    return {name: _load_material_file(files[name]) for name in chosen}


def library_formulas() -> dict[str, str]:
    """Return the formula of every material of the library by name.

    It is read off its line of the file; only a file that writes it in another way is parsed.
    """
    found = {}
    for name, path in _material_files().items():
        line = _FORMULA.search(read_text(path))
        found[name] = line["formula"] if line else _load_material_file(path).formula
    return found


def material(name: str) -> Material:
    """Return one material by its name, one of its aliases, or the path of a YAML file.

    Raises
    ------
    UnknownNameError
        With the nearest names.
    """
    files = _material_files()
    if name in files:
        return _load_material_file(files[name])
    if name.endswith((".yaml", ".yml")):
        return _load_material_file(Path(name))
    library = load_materials()
    for candidate in library.values():
        if name in candidate.aliases or name == candidate.formula:
            return candidate
    raise UnknownNameError(
        f"unknown material {shortened(name)}; {near_match_hint(_cut(name, 60), library)}",
        "`catholyte materials` lists the library; a crystal of your own is the path of its CIF, POSCAR or YAML",
    )


def is_library_name(name: str) -> bool:
    """Whether :func:`material` knows a name: that of a material, an alias or a formula; no file is parsed for it."""
    files = _material_files()
    if name in files:
        return True
    stands = re.compile(rf"^(?:formula:|aliases:.*[\[,])\s*[\"']?{re.escape(name)}[\"']?\s*(?:[,\]#]|$)", re.MULTILINE)
    return any(stands.search(path.read_text(encoding="utf-8")) for path in files.values())


def recipe_names() -> list[str]:
    """Names of the shipped recipes."""
    return sorted(path.stem for path in (CONFIGS / "recipes").glob("*.yaml"))


def load_recipe(name_or_path: str) -> tuple[Recipe, SourceFile]:
    """Return a shipped recipe by name, or the user's own file.

    Raises
    ------
    UnknownNameError
        If it is neither a shipped name nor an existing file.
    InputError
        As :func:`parse_file`.
    """
    from .recipe import Recipe

    shipped = CONFIGS / "recipes" / f"{name_or_path}.yaml"
    if name_or_path in recipe_names():
        return parse_file(shipped, Recipe)
    if "/" in name_or_path or name_or_path.endswith((".yaml", ".yml")):
        return parse_file(Path(name_or_path), Recipe)
    raise UnknownNameError(
        f"unknown recipe {name_or_path!r} (a file is named by its path, e.g. ./{name_or_path}.yaml); "
        f"{near_match_hint(name_or_path, recipe_names())}",
        "`catholyte new` writes a recipe for materials of your choice",
    )


def engine_file(name: str) -> Path | None:
    """Return the file of an engine, of the library or of the user's own folder (``CATHOLYTE_ENGINES``); None where
    there is none."""
    if Path(name).name != name:
        return None
    own = os.environ.get(ENGINES_VARIABLE)
    folders = [CONFIGS / "engines", *([Path(own)] if own else [])]
    try:
        return next((path for folder in folders if (path := folder / f"{name}.yaml").is_file()), None)
    except OSError:  # the name is free text: a file cannot have it
        return None


def engine_basis(name: str) -> str | None:
    """Return what an engine's own file builds on: its key ``engine``, ``calculator`` where it names one, or None.

    Raises
    ------
    InputError
        As :func:`read_yaml`.
    """
    path = engine_file(name)
    if path is None or path.parent == CONFIGS / "engines":
        return None
    data = read_yaml(path).data
    return str(data["engine"]) if "engine" in data else "calculator" if "calculator" in data else None


@cache
def _engine_defaults(path: Path, changed: int, model: Any) -> Any:
    """The settings of a file that was last changed at `changed`, ns, over those of the engine that it builds on; its
    block ``trust`` is no setting."""
    source = read_yaml(path)
    source.data.pop("trust", None)
    basis = CONFIGS / "engines" / f"{source.data.pop('engine', path.stem)}.yaml"
    if basis != path and basis.is_file():
        for key, value in read_yaml(basis).data.items():
            if key != "trust":
                source.data.setdefault(key, value)
    return validate(source, model)


def engine_settings(name: str, model: type[AnyModel], overrides: Mapping[str, Any]) -> AnyModel:
    """Return the settings in an engine's file with `overrides` on top, validated.

    Parameters
    ----------
    name : str
        Of the engine, for messages and for the file.
    model : type
        What the settings are validated as.
    overrides : mapping
        The user's own settings.

    Raises
    ------
    InputError
        If there is no file, naming the file and line of a wrong default, or the key of a wrong override.
    """
    path = engine_file(name)
    if path is None:
        raise InputError(f"engine {name!r} has no file {name}.yaml", f"name its folder in {ENGINES_VARIABLE}")
    defaults: AnyModel = _engine_defaults(path, path.stat().st_mtime_ns, model)
    if not overrides:
        return defaults
    try:
        return model.model_validate({**defaults.model_dump(), **overrides})
    except ValidationError as error:
        problems = [
            f"engine {name}: key '{'.'.join(map(str, item['loc']))}': {_problem(model, item)}"
            for item in error.errors()
        ]
        raise InputError("\n".join(problems)) from None
