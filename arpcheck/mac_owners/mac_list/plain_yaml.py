"""YAML of the API server's kind as plain mappings, lists and text, built from the parser's events.

PyYAML's loaders recurse; this is bounded in depth and size, and refuses aliases, which no kubectl writes."""

from __future__ import annotations

from typing import Any

from arpcheck.errors import InputError

LIMIT = 4 * 1024 * 1024
"""Characters; the NodeNetworkStates of some hundred nodes."""
DEPTH = 100


def documents(text: str, name: str) -> list[Any]:
    """Every document of it. InputError with the line where it is none."""
    import yaml

    if len(text) > LIMIT:
        raise InputError(f"{name}: {len(text):,} characters of YAML; at most {LIMIT:,} are read", "Save it as JSON")
    found: list[Any] = []
    stack: list[list[Any]] = []
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader)):
            line = event.start_mark.line if event.start_mark else 0
            match event:
                case yaml.CollectionStartEvent():
                    if len(stack) == DEPTH:
                        raise _wrong(name, line, "nested too deeply")
                    stack.append([])
                case yaml.ScalarEvent():
                    (stack[-1] if stack else found).append(event.value)
                case yaml.SequenceEndEvent():
                    parts = stack.pop()
                    (stack[-1] if stack else found).append(parts)
                case yaml.MappingEndEvent():
                    parts = stack.pop()
                    pairs = zip(parts[::2], parts[1::2], strict=True)
                    (stack[-1] if stack else found).append({key: value for key, value in pairs if isinstance(key, str)})
                case yaml.AliasEvent():
                    raise _wrong(name, line, "an alias")
                case _:
                    pass  # the begin and the end of the stream and its documents
    except yaml.MarkedYAMLError as error:
        raise _wrong(name, error.problem_mark.line if error.problem_mark else 0, "not YAML from here on") from None
    except (yaml.YAMLError, ValueError, OverflowError):  # the last of chr() of a wrong \U escape
        raise InputError(f"{name}: not YAML", "Correct the file") from None
    return found


def _wrong(name: str, line: int, what: str) -> InputError:
    return InputError(f"{name}:{line + 1}: {what}", "Save it again with kubectl get … -o yaml")
