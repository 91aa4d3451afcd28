"""Sources of the frames of a clip, with one interface: a video, a frame folder, or rows of a shard."""

import functools
import os

import numpy as np

from keras_action.data.decoders import frame_decoder
from keras_action.data.decoding import DecodingError, check_indices, count_frames, video_info
from keras_action.data.frame_folders import check_spacing, decode_images, read_encoded, sorted_frames
from keras_action.data.shards.format import SHARD_SUFFIX, read_shard_jpegs


def open_clip(clip, decoder="pyav"):
    """Opens a clip for reading, in any of its forms.

    Take the number of frames, sample indices, and read these frames.

    Args:
        clip: A `Clip`.
        decoder: Decoder of videos; see `frame_decoder`.

    Returns:
        A `VideoSource`, `FrameFolderSource` or `ShardSource`. They have the same properties and methods. Files are
        opened for each read, and closed after it.

    Raises:
        DecodingError: If `start` or `end` is given for a frame folder or a shard, or `frames` for a video.

    Example:

    >>> source = open_clip(Clip("clip.mp4", "wave"))
    >>> source.read(sample_segments(source.num_frames, 8), short_side=64).shape
    (8, 64, 85, 3)
    """
    part = f"Received: start={clip.start}, end={clip.end}, frames={clip.frames}"
    has_times = clip.start is not None or clip.end is not None
    if clip.path.endswith(SHARD_SUFFIX):
        if clip.frames is None or has_times:
            raise DecodingError(f"{clip.path}: a clip of a shard is given by `frames` alone. {part}")
        return ShardSource(clip.path, clip.frames, clip.fps, clip.name)
    if os.path.isdir(clip.path):
        if has_times:
            raise DecodingError(f"{clip.path}: start and end are for videos, `frames` is for frame folders. {part}")
        return FrameFolderSource(clip.path, clip.frames, clip.fps)
    if clip.frames is not None and os.path.exists(clip.path):
        raise DecodingError(f"{clip.path}: `frames` is for frame folders, start and end are for videos. {part}")
    return VideoSource(clip.path, clip.start, clip.end, decoder)


class _Source:
    """Base class of the sources."""

    fps = None

    @property
    def seconds(self):
        """Length of the clip in seconds; `None` if its frame rate is not known."""
        return None if self.fps is None else self.num_frames / self.fps

    def read_jpegs(self, indices, heads):
        """Reads frames without decoding them, if they are JPEGs that are safe to decode in a graph.

        Args:
            indices: Indices of the frames, from 0, in any order, with repetitions.
            heads: A `JpegHeads`.

        Returns:
            A list of bytes and their (height, width); or `None`, in which case only `read` can be used.
        """
        return None


class VideoSource(_Source):
    """A video, or a part of it.

    Args:
        path: A video file.
        start: Start of the part in seconds; `None` for the beginning of the video.
        end: End of the part in seconds; `None` for the end of the video.
        decoder: Decoder of videos; see `frame_decoder`.
    """

    def __init__(self, path, start=None, end=None, decoder="pyav"):
        self.path, self.start, self.end = path, start, end
        self._decode = frame_decoder(decoder)

    @functools.cached_property
    def num_frames(self):
        """Number of frames."""
        return count_frames(self.path, self.start, self.end)

    @functools.cached_property
    def _info(self):
        return video_info(self.path)

    @property
    def fps(self):
        """Frames per second."""
        return self._info.fps

    @property
    def seconds(self):
        """Length of the clip in seconds."""
        return (self._info.duration if self.end is None else self.end) - (self.start or 0.0)

    def read(self, indices=None, short_side=None):
        """Decodes frames; see `read_frames`."""
        return self._decode(self.path, indices, self.start, self.end, short_side)


class _ImageSource(_Source):
    """Base class of the sources of image files. A subclass implements `_encoded`."""

    def read(self, indices=None, short_side=None):
        """Decodes frames.

        A JPEG that is scaled to less than half is first decoded at a half, quarter or eighth of its size by libjpeg.
        This is much faster, and nearly equal to averaging areas of the whole image. Orientation tags are not applied.

        Args:
            indices: Indices of the frames, from 0, in any order, with repetitions; `None` for all.
            short_side: Pixels to which the shorter side is scaled down, by averaging areas, with the aspect ratio kept.
                Smaller images are not scaled. `None` for the full size.

        Returns:
            A uint8 array of shape (len(indices), height, width, 3), RGB.

        Raises:
            DecodingError: If the folder, the shard or a frame is missing, or a frame is empty, truncated, damaged,
                neither a JPEG nor a PNG, or of another size than the first one.
        """
        wanted, places = np.unique(check_indices(indices, self.num_frames), return_inverse=True)
        pictures = decode_images(*self._encoded(wanted), short_side)
        return np.stack([pictures[place] for place in places])

    def _encoded(self, indices):
        """The names of frames for messages, and the contents of their files."""
        raise NotImplementedError


class FrameFolderSource(_ImageSource):
    """A folder with an image file for each frame, or a part of it.

    Args:
        path: A folder of .jpg, .jpeg or .png files; see `list_frames` for their order.
        frames: The frames of the clip, `(first, stop)`, as in a slice of the sorted frames; `None` for all. Frame
            numbers with uneven steps are accepted only with `(0, N)` for a folder of N frames, which says that none is
            missing.
        fps: Frames per second; `None` if unknown.
    """

    def __init__(self, path, frames=None, fps=None):
        if frames is not None and not 0 <= frames[0] < frames[1]:
            raise ValueError(f"`frames` must be (first, stop), 0 <= first < stop. Received: frames={frames}")
        self.path, self.frames, self.fps = os.fspath(path), frames, fps

    @functools.cached_property
    def _names(self):
        names, numbers = sorted_frames(self.path)
        first, stop = self.frames or (0, len(names))
        if stop > len(names):
            check_spacing(self.path, names, numbers)  # a gap between frames is the better reason
            raise DecodingError(
                f"{self.path}: frames {first} to {stop - 1} are wanted, but there are only {len(names)}"
            )
        if self.frames is None or stop - first < len(names):
            check_spacing(self.path, names, numbers, first, stop)
        return names[first:stop]

    @property
    def num_frames(self):
        """Number of frames."""
        return len(self._names)

    def read_jpegs(self, indices, heads):
        wanted, places = np.unique(check_indices(indices, self.num_frames), return_inverse=True)
        contents = list(self._encoded(wanted)[1])
        size = heads.common_size(contents)
        return None if size is None else ([contents[place] for place in places], size)

    def _encoded(self, indices):
        files = [os.path.join(self.path, self._names[i]) for i in indices]
        return files, map(read_encoded, files)


class ShardSource(_ImageSource):
    """Rows of a shard.

    Args:
        path: The shard, a `.tfrecord` file.
        frames: The rows of the shard's index with the frames of the clip, `(first, stop)`.
        fps: Frames per second; `None` if unknown.
        name: Name of the clip, for messages.
    """

    def __init__(self, path, frames, fps=None, name=None):
        self.path, self.frames, self.fps, self.name = path, frames, fps, name

    @property
    def num_frames(self):
        """Number of frames."""
        return self.frames[1] - self.frames[0]

    def read_jpegs(self, indices, heads):
        return read_shard_jpegs(self.path, self.frames[0] + check_indices(indices, self.num_frames))

    def _encoded(self, indices):
        rows = self.frames[0] + indices
        return [f"{self.path}: frame {row} ({self.name})" for row in rows], read_shard_jpegs(self.path, rows)[0]
