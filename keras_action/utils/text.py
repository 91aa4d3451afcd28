"""Parts of messages."""


def counted(count, noun):
    """A number with its noun: "1 clip", "2 clips"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def listed(names, most=10):
    """The first names, separated by commas, with "…" if there are more."""
    return ", ".join([*map(str, names[:most]), *(["…"] if len(names) > most else [])])
