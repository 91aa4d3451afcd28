"""Whether clips are windows of streams."""

import itertools
import re

_FRAGMENT = re.compile(r"(.+)#t=([\d.e+]+),([\d.e+]+)")


def has_stream_windows(annotations):
    """Whether clips are windows of streams, as `keras_action.data.sample_windows` draws them.

    Such windows overlap: two different parts of one video have half of the shorter part in common. Clips that were cut
    from a long video by hand do not.

    Args:
        annotations: `keras_action.data.Annotations`, also of shards.
    """
    parts = {}
    for clip in annotations.clips:
        source, start, end = _part(clip)
        if start is not None and end is not None:
            parts.setdefault(source, set()).add((start, end))
    return any(
        min(end, other_end) - other_start > 0.5 * min(end - start, other_end - other_start)
        for part in parts.values()
        for (start, end), (other_start, other_end) in itertools.pairwise(sorted(part))
    )


def _part(clip):
    """The video of a clip, and its start and end in seconds; those of a clip in shards are in its name."""
    if clip.frames is not None and (match := _FRAGMENT.fullmatch(clip.name or "")):
        return match[1], float(match[2]), float(match[3])
    return clip.path, clip.start, clip.end
