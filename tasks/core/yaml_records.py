"""YAML files read into records: every mistake of a file at once, each with its line, unknown keys beside the known ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from tasks.core.errors import InputError
from tasks.core.records import Record

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails

RecordType = TypeVar("RecordType", bound=Record)
Location = tuple[str | int, ...]

PLAIN_TAGS = {
    f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "timestamp", "map", "seq")
}


def read_record(
    path: Path, record: type[RecordType], context: dict[str, Any] | None = None, **injected: Any
) -> RecordType:
    """Return the record that `path` holds; `injected` sets fields that a file may not set itself.

    `context` is handed to the record's validators, for those that look at more than the file.

    Raises InputError with one line a mistake: `file:line: key: what is wrong`.
    """
    lines: dict[Location, int] = {}
    repeats: list[str] = []
    content = _content(_root(path), (), lines, repeats)
    if not isinstance(content, dict):
        raise InputError(f"{path} holds {_kind(content)}, not a mapping of keys; start from `launchgate init NAME`")
    mistakes = [f"{path}:{line}" for line in repeats]
    for key in [key for key in injected if key in content]:
        mistakes.append(f"{path}:{lines[key,]}: {key}: this key is set by launchgate; remove it")
        del content[key]
    try:
        read = record.model_validate(content | injected, context=context)
    except ValidationError as error:
        mistakes += [f"{path}:{_line(item['loc'], lines)}: {_say(item, record)}" for item in error.errors()]
    if mistakes:
        raise InputError("\n".join(mistakes))
    return read


def _root(path: Path) -> yaml.Node | None:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}; give a readable UTF-8 YAML file") from error
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise InputError(
            f"{path}:{line}: this is not YAML: {' '.join(str(getattr(error, 'problem', None) or error).split())}"
        ) from error
    if root is not None:
        _refuse_odd(path, root, ())
    return root


def _refuse_odd(path: Path, node: yaml.Node, above: tuple[yaml.Node, ...]) -> None:
    """Refuse what is more than text, numbers, lists and mappings: other tags, merges, aliases of what they stand in."""
    place = f"{path}:{node.start_mark.line + 1}"
    if any(node is other for other in above):
        raise InputError(f"{place}: this alias stands inside of its own anchor; write the value out")
    if node.tag not in PLAIN_TAGS:
        raise InputError(f"{place}: {node.value if node.tag.endswith(':merge') else node.tag} is not read here; "
                         "write plain text, numbers, lists and mappings")  # fmt: skip
    if isinstance(node, yaml.CollectionNode):
        for item in node.value:
            for part in item if isinstance(item, tuple) else (item,):
                _refuse_odd(path, part, (*above, node))
        return
    try:
        _scalar(node)
    except ValueError as error:
        raise InputError(f"{place}: {node.value} is no {node.tag.rpartition(':')[2]}: {error}") from error


def _content(node: yaml.Node | None, at: Location, lines: dict[Location, int], repeats: list[str]) -> Any:
    """Build plain data from a node, noting the line of every key on the way."""
    if node is None:
        return None
    lines.setdefault(at, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        built: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = _scalar(key_node)
            line = key_node.start_mark.line + 1
            if key in built:
                repeats.append(f"{line}: {key}: this key stands twice; keep one")
            lines[(*at, key)] = line
            built[key] = _content(value_node, (*at, key), lines, repeats)
        return built
    if isinstance(node, yaml.SequenceNode):
        return [_content(item, (*at, index), lines, repeats) for index, item in enumerate(node.value)]
    return _scalar(node)


def _scalar(node: yaml.Node) -> Any:
    loader = yaml.SafeLoader("")
    try:
        value = loader.construct_object(node, deep=True)
    finally:
        loader.dispose()
    return value if not isinstance(value, (list, dict)) else str(value)


def _line(location: Location, lines: dict[Location, int]) -> int:
    """Return the line of the nearest key at or above `location`."""
    while location and location not in lines:
        location = location[:-1]
    return lines.get(location, 1)


def _say(item: ErrorDetails, record: type[Record]) -> str:
    location = item["loc"]
    name = ".".join(str(part) for part in location) or "the file"
    if item["type"] == "extra_forbidden":
        return f"{name}: unknown key; known here: {', '.join(_known_keys(record, location[:-1]))}"
    if item["type"] == "missing":
        return f"{name}: this key is missing"
    message = item["msg"].removeprefix("Value error, ")
    given = item["input"]
    shown = (
        ""
        if isinstance(given, (dict, list, BaseModel))
        else f" (given: {given!r})"
        if isinstance(given, str)
        else f" (given: {given})"
    )
    return f"{name}: {message[0].lower()}{message[1:]}{shown}"


def _known_keys(record: type[BaseModel], location: Location) -> list[str]:
    """Return the keys that the record at `location` knows."""
    model: Any = record
    for part in location:
        fields = {(field.alias or key): field.annotation for key, field in getattr(model, "model_fields", {}).items()}
        # an item of a list, or a value of a mapping, is of the type that the container's own type names
        model = fields.get(str(part)) if fields else next(filter(_is_record, get_args(model)), None)
    hidden = {"folder", "sha256"} if model is record else set()
    return sorted(field.alias or key for key, field in getattr(model, "model_fields", {}).items() if key not in hidden)


def _is_record(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _kind(content: Any) -> str:
    return "nothing" if content is None else f"a {type(content).__name__}"
