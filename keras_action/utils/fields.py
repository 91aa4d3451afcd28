"""Fields of dataclasses and of command lines: their checks, and their values from NumPy, JSON and texts."""

import dataclasses
import difflib
import numbers
import types
import typing

# The type of a field → the kind of number that it takes, and its words.
_NUMBERS = {int: (numbers.Integral, "an integer"), float: (numbers.Real, "a number")}


# Conditions for `check_ranges`, with their words.
ABOVE_ZERO = (lambda x: x > 0, "above 0")
AT_LEAST_ZERO = (lambda x: x >= 0, "0 or more")
SHARE = (lambda x: 0 <= x <= 1, "from 0 to 1")


def attributes(source, *names):
    """A dict of the attributes of these names, of a dataclass or of a program's arguments."""
    return {name: getattr(source, name) for name in names}


def did_you_mean(name, known):
    """The sentence " Did you mean 'x'?" for the nearest known name; empty where none is near."""
    close = difflib.get_close_matches(str(name), [str(other) for other in known], n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def check_choice(name, value, choices):
    """Raises a `ValueError` unless `value` is one of `choices`."""
    choices = tuple(choices)
    if value not in choices:
        raise ValueError(f"`{name}` must be one of {choices}.{did_you_mean(value, choices)} Received: {name}={value!r}")


def check_ranges(settings, ranges):
    """Raises a `ValueError` unless the fields of a dataclass are in their ranges; `None` always is.

    Args:
        settings: The dataclass.
        ranges: Names of fields, separated by spaces → a condition and its words. Of a tuple each item is checked.
    """
    for names, (holds, demand) in ranges.items():
        for name in names.split():
            value = getattr(settings, name)
            items = value if isinstance(value, tuple) else (value,)
            if value is not None and not all(holds(item) for item in items):
                raise ValueError(f"`{name}` must be {demand}. Received: {name}={value!r}")


def normalise(settings):
    """Makes the fields of a frozen dataclass plain Python: numbers of NumPy would not go into JSON, lists not hash.

    Raises:
        ValueError: If a value is not of the type of its field.
    """
    for field in dataclasses.fields(settings):
        value, kinds = _plain(getattr(settings, field.name)), _kinds(field)
        if value is not None and len(kinds) == 1:
            value = _converted(field.name, value, kinds[0])
        object.__setattr__(settings, field.name, value)


def parse_field(field, text):
    """The value of a dataclass' field from a command line's text: `none`, `true`, `3`, `a,b`."""
    kinds = _kinds(field)
    if text.lower() == "none" and types.NoneType in typing.get_args(field.type):
        return None
    for kind in kinds:
        try:
            return _parse(kind, text)
        except (KeyError, ValueError):
            continue
    expected = " or ".join(kind.__name__ if isinstance(kind, type) else str(kind) for kind in kinds)
    raise ValueError(f"`{field.name}` must be of type {expected}. Received: {field.name}={text}")


def _parse(kind, text):
    if typing.get_origin(kind) is tuple:
        return tuple(_parse(typing.get_args(kind)[0], part) for part in text.split(",")) if text else ()
    if kind is bool:
        return {"true": True, "false": False}[text.lower()]
    return kind(text)


def _kinds(field):
    """The types of a field, without that of `None`."""
    kinds = typing.get_args(field.type) if isinstance(field.type, types.UnionType) else (field.type,)
    return [kind for kind in kinds if kind is not types.NoneType]


def _converted(name, value, kind):
    if typing.get_origin(kind) is tuple:
        return tuple(value) if isinstance(value, (list, tuple)) else (value,)
    if kind is bool and not isinstance(value, bool):
        raise ValueError(f"`{name}` must be True or False. Received: {name}={value!r}")
    if kind in _NUMBERS:
        number, words = _NUMBERS[kind]
        if isinstance(value, bool) or not isinstance(value, number):
            raise ValueError(f"`{name}` must be {words}. Received: {name}={value!r}")
        return kind(value)
    return value


def _plain(value):
    if hasattr(value, "tolist"):
        return value.tolist()
    return type(value)(map(_plain, value)) if type(value) in (list, tuple) else value
