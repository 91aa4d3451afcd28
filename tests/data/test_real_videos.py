"""Videos as phones, editors and recorders write them: what is read must be what FFmpeg shows."""

import json
import struct
from fractions import Fraction

import numpy as np
import pytest

from keras_action.data import DecodingError, count_frames, iter_frames, read_frames, video_info
from tests.test_case import SHARED

av = pytest.importorskip("av")

CASES = SHARED / "cases" / "videos"
EXPECTED = json.loads((CASES / "expected.json").read_text()) if CASES.is_dir() else {}
FPS, HEIGHT, WIDTH = 12, 48, 64
BITS = 6


def numbered_frame(number):
    """A frame that carries its number as black and white blocks, red at the top left, blue at the bottom right."""
    frame = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    for bit in range(BITS):
        left = WIDTH * bit // BITS
        frame[16:32, left : left + WIDTH // BITS] = 255 * (number >> bit & 1)
    frame[:12, :12], frame[-12:, -12:] = (255, 0, 0), (0, 0, 255)
    return frame


def numbers(frames, bits=BITS):
    """The numbers that frames carry."""
    found = []
    for frame in frames:
        height, width, _ = frame.shape
        row = frame[height // 2].mean(-1)
        found.append(sum(1 << bit for bit in range(bits) if row[int((bit + 0.5) * width / bits)] > 128))
    return found


def corners(frame):
    """Where red and blue are, as `"TL"` for the top left."""
    height, width, _ = frame.shape
    places = {
        f"{vertical}{horizontal}": frame[rows, columns].reshape(-1, 3).mean(0)
        for vertical, rows in (("T", slice(height // 8)), ("B", slice(-height // 8, None)))
        for horizontal, columns in (("L", slice(width // 8)), ("R", slice(-width // 8, None)))
    }
    red = max(places, key=lambda place: places[place][0] - places[place][2])
    return red, max(places, key=lambda place: places[place][2] - places[place][0])


def write_numbered(path, count=24, codec="libx264", empty=(), options=None, **container_options):
    """Writes numbered frames; chunks at the places in `empty` hold nothing."""
    with av.open(str(path), "w", options=container_options) as container:
        stream = container.add_stream(codec, rate=FPS, options=options or {"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(count):
            if number not in empty:
                frame = av.VideoFrame.from_ndarray(numbered_frame(number), "rgb24")
                frame.pts, frame.time_base = number, Fraction(1, FPS)
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def check(path, expected, times=None):
    """All ways to read a video agree with each other and with the numbers expected."""
    frames = read_frames(path)
    assert numbers(frames) == list(expected)
    assert count_frames(path) == video_info(path).num_frames == len(expected)
    read_times, iterated = zip(*iter_frames(path), strict=True)
    np.testing.assert_array_equal(np.stack(iterated), frames)
    last = len(expected) - 1
    np.testing.assert_array_equal(read_frames(path, [last, len(expected) // 2]), frames[[last, len(expected) // 2]])
    if times is not None:
        np.testing.assert_allclose(read_times, times, atol=0.002)


@pytest.mark.skipif(not EXPECTED, reason="shared/cases is not there")
@pytest.mark.parametrize("name", EXPECTED)
def test_shared_cases_show_what_ffmpeg_shows(name):
    path, expected = CASES / name, EXPECTED[name]
    frames = read_frames(path)
    if isinstance(expected["frames"], int):
        assert len(frames) == expected["frames"]
    else:
        assert numbers(frames, bits=10) == expected["frames"]
    assert list(frames[0].shape) == expected["shape"]
    assert [[corner] for corner in corners(frames[0])] == expected["red_blue_corners"]
    info = video_info(path)
    assert (info.num_frames, info.height, info.width) == (len(frames), *expected["shape"][:2])
    assert count_frames(path) == len(frames)
    np.testing.assert_array_equal(np.stack([frame for _, frame in iter_frames(path)]), frames)


# --- Edit lists ---

TIMESCALE = 12288  # of what FFmpeg writes for 12 frames a second


def boxes(data):
    place = 0
    while place < len(data):
        size, kind = struct.unpack(">I4s", data[place : place + 8])
        yield kind, data[place + 8 : place + size]
        place += size


def box(kind, content):
    return struct.pack(">I4s", len(content) + 8, kind) + content


def rewrite(data, change):
    """An MP4 whose boxes `change(kind, content)` may replace; the index must lie at its end."""
    result = b""
    for kind, content in boxes(data):
        if kind in (b"moov", b"trak"):
            content = rewrite(content, change)
        result += change(kind, content)
    return result


def with_edits(path, edits):
    """Gives a video an edit list: pairs of a duration and a start in frames (None: nothing is shown), and a rate."""
    entries = b""
    movie_timescale = 1000
    for duration, start, rate in edits:
        media_time = -1 if start is None else start * TIMESCALE // FPS + offset(path)
        entries += struct.pack(">iihh", duration * movie_timescale // FPS, media_time, *rate)
    edit_list = box(b"edts", box(b"elst", struct.pack(">II", 0, len(edits)) + entries))

    def change(kind, content):
        if kind == b"edts":
            return b""
        return box(kind, content) + (edit_list if kind == b"tkhd" else b"")

    path.write_bytes(rewrite(path.read_bytes(), change))
    return path


def offset(path):
    """Where the first frame lies on the media's time line: later than 0 if frames are predicted from later ones."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    return -min(packet.dts for packet in packets)


ONE = (1, 0)


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ([(12, 0, ONE)], range(12)),
        ([(10, 14, ONE)], range(14, 24)),
        ([(8, 8, ONE)], range(8, 16)),
        ([(6, None, ONE), (24, 0, ONE)], range(24)),
        ([(6, None, ONE), (8, 8, ONE)], range(8, 16)),
        ([(6, 0, ONE), (6, 16, ONE)], [*range(6), *range(16, 22)]),
    ],
    ids=["tail", "head", "both", "empty first", "empty first, both", "two pieces"],
)
def test_edit_lists(tmp_path, suffix, b_frames, edits, expected):
    options = {"crf": "10", "bf": str(b_frames), "g": "12"}
    path = with_edits(write_numbered(tmp_path / f"edited.{suffix}", options=options), edits)
    check(path, expected)


@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize(
    "edits",
    [
        [(48, 0, (0, -32768))],
        [(20, 5, (0, -32768))],
        [(12, 0, (2, 0))],
        [(6, 16, ONE), (6, 3, ONE)],
        [(6, 3, ONE), (6, 3, ONE)],
        [(4, 2, ONE), (4, None, ONE), (6, 16, ONE)],
        [(3, 2, ONE), (5, 9, ONE), (4, 17, ONE)],
    ],
    ids=["half speed", "part, half speed", "double speed", "backwards", "twice", "a gap", "three pieces"],
)
def test_rare_edit_lists_show_what_ffmpeg_shows(tmp_path, b_frames, edits):
    options = {"crf": "10", "bf": str(b_frames), "g": "12"}
    path = with_edits(write_numbered(tmp_path / "edited.mp4", options=options), edits)
    with av.open(str(path)) as container:
        shown = numbers(frame.to_ndarray(format="rgb24") for frame in container.decode(video=0))
    check(path, shown)
    assert len(shown) >= 12 or edits[0] == (20, 5, (0, -32768))


@pytest.mark.parametrize("edits", [[(12, 0, ONE)], [(8, 8, ONE)]])
def test_a_cut_file_with_an_edit_list_is_refused(tmp_path, edits):
    path = write_numbered(tmp_path / "edited.mp4", movflags="+faststart", options={"crf": "10", "bf": "0"})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    with pytest.raises(DecodingError, match="truncated"):
        read_frames(path)


# --- AVI with empty chunks ---


@pytest.mark.parametrize(
    "empty", [(10,), (5, 6, 7), (1, 3, 5), (22,)], ids=["one", "several in a row", "every other", "near the end"]
)
def test_avi_with_dropped_frames(tmp_path, empty):
    path = write_numbered(tmp_path / "dropped.avi", codec="mpeg4", empty=empty, options={"qscale": "2"})
    shown = [number for number in range(24) if number not in empty]
    check(path, shown, times=[number / FPS for number in shown])
    assert video_info(path).duration == pytest.approx(2.0, abs=0.01)


def with_empty_chunks(path, places):
    """Inserts empty chunks into an AVI, each before the chunk of that number."""
    data = path.read_bytes()
    movie = data.index(b"movi")
    end = movie - 4 + struct.unpack("<I", data[movie - 4 : movie])[0] + 4
    chunks, place = [], movie + 4
    while place < end:
        size = struct.unpack("<I", data[place + 4 : place + 8])[0]
        chunks.append(data[place : place + 8 + size + size % 2])
        place += len(chunks[-1])
    flags = [entry[0] for entry in struct.iter_unpack("<4xI8x", data[end + 8 : end + 8 + 16 * len(chunks)])]
    for place in sorted(places, reverse=True):
        chunks.insert(place, b"00dc" + bytes(4))
        flags.insert(place, 0)
    content, index = b"movi", b""
    for chunk, flag in zip(chunks, flags, strict=True):
        index += chunk[:4] + struct.pack("<II", flag, len(content)) + chunk[4:8]
        content += chunk
    head = bytearray(data[12 : movie - 8])
    for name, field in ((b"avih", 24), (b"strh", 40)):  # the numbers of frames
        at = head.index(name) + field
        head[at : at + 4] = struct.pack("<I", len(chunks))
    parts = bytes(head)
    for name, part in ((b"LIST", content), (b"idx1", index)):
        parts += name + struct.pack("<I", len(part)) + part
    path.write_bytes(b"RIFF" + struct.pack("<I", len(parts) + 4) + b"AVI " + parts)
    return path


@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
@pytest.mark.parametrize(
    "places",
    [(0,), (0, 0, 0), (24,), (24, 24, 24), (0, 5, 5, 24)],
    ids=["first", "three first", "last", "three", "all"],
)
def test_avi_with_empty_chunks_anywhere(tmp_path, codec, places):
    options = {"qscale": "2"} if codec == "mpeg4" else {"crf": "10", "bf": "0"}
    path = with_empty_chunks(write_numbered(tmp_path / "empty.avi", codec=codec, options=options), places)
    shift = np.array([sum(0 < place <= number for place in places) for number in range(24)])
    check(path, range(24), times=(np.arange(24) + shift) / FPS)
    assert video_info(path).duration == pytest.approx((24 + sum(place > 0 for place in places)) / FPS, abs=0.01)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 8 // 10])
    with pytest.raises(DecodingError, match="truncated"):
        count_frames(path)


@pytest.mark.parametrize("empty", [(), (10,), (5, 6, 7)])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_cut_avi_is_refused(tmp_path, empty, share):
    path = write_numbered(tmp_path / "dropped.avi", codec="mpeg4", empty=empty, options={"qscale": "2"})
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    for read in (count_frames, lambda path: read_frames(path), lambda path: list(iter_frames(path))):
        with pytest.raises(DecodingError, match=r"truncated|Invalid data"):  # the latter where its head is cut
            read(path)


# --- Videos that begin later than 0 ---


def remux(source, target, first=0, shift=0.0, **container_options):
    """Copies the packets from number `first` on, in the order of decoding, later by `shift` seconds."""
    with av.open(str(source)) as old, av.open(str(target), "w", options=container_options) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        packets = [packet for packet in old.demux(video=0) if packet.size]
        for packet in packets[first:]:
            step = round(shift / packet.time_base)
            packet.pts, packet.dts = packet.pts + step, packet.dts + step
            packet.stream = stream
            new.mux(packet)
    return target


@pytest.mark.parametrize("suffix", ["mkv", "webm", "ts"])
@pytest.mark.parametrize("shift", [0.0, 1.5, 100.0])
def test_videos_that_begin_later(tmp_path, suffix, shift):
    codec = "libvpx" if suffix == "webm" else "libx264"
    options = {"crf": "10", "b": "2M"} if suffix == "webm" else {"crf": "10", "bf": "0"}
    source = write_numbered(tmp_path / f"source.{'webm' if suffix == 'webm' else 'mp4'}", codec=codec, options=options)
    path = remux(source, tmp_path / f"later.{suffix}", shift=shift)
    check(path, range(24), times=np.arange(24) / FPS)
    assert video_info(path).duration == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize("shift", [-0.75, -0.2])
def test_matroska_files_that_begin_before_0(tmp_path, b_frames, shift):
    source = write_numbered(tmp_path / "source.mp4", options={"crf": "10", "bf": str(b_frames)})
    path = remux(source, tmp_path / "early.mkv", shift=shift, avoid_negative_ts="disabled")
    check(path, range(24), times=np.arange(24) / FPS)


@pytest.mark.parametrize("shift", [0.0, 1.5])
def test_a_cut_matroska_file_that_begins_later_is_refused(tmp_path, shift):
    source = write_numbered(tmp_path / "source.mp4", count=48, options={"crf": "10", "bf": "0"})
    path = remux(source, tmp_path / "later.mkv", shift=shift)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(DecodingError, match="truncated"):
        read_frames(path)


# --- Cut in an open group of pictures ---


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("suffix", ["mkv", "ts"])
def test_leading_frames_without_a_reference_are_no_part_of_the_video(tmp_path, codec, suffix):
    parameters = "keyint=16:min-keyint=16:scenecut=0:open-gop=1:bframes=3"
    options = {"x264-params": parameters} if codec == "libx264" else {"x265-params": f"{parameters}:log-level=none"}
    # Headers in each key frame, as in what is broadcast.
    extra = ":repeat-headers=1"
    options = {name: value + extra for name, value in options.items()}
    source = write_numbered(tmp_path / "source.mkv", count=48, codec=codec, options=options)
    with av.open(str(source)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    second = [place for place, packet in enumerate(packets) if packet.is_keyframe][1]
    leading = [packet for packet in packets[second:] if packet.pts < packets[second].pts]
    assert leading, "the encoder must have made an open group of pictures"
    path = remux(source, tmp_path / f"cut.{suffix}", first=second, shift=1.0)
    first = count_frames(source) - (len(packets) - second) + len(leading)
    check(path, range(numbers(read_frames(source, [first]))[0], 48))


@pytest.mark.parametrize("suffix", ["mkv", "ts"])
def test_frames_before_a_picture_is_renewed_are_no_part_of_the_video(tmp_path, suffix):
    parameters = "keyint=12:min-keyint=12:scenecut=0:intra-refresh=1:bframes=0:repeat-headers=1"
    source = write_numbered(tmp_path / "source.mkv", count=48, options={"x264-params": parameters})
    path = remux(source, tmp_path / f"cut.{suffix}", first=12, shift=1.0)
    with av.open(str(path)) as container:
        shown = numbers(frame.to_ndarray(format="rgb24") for frame in container.decode(video=0))
    assert 24 <= len(shown) < 36
    check(path, shown)


# --- Files that end too early ---


@pytest.mark.parametrize("with_sound", [False, True], ids=["silent", "with sound"])
@pytest.mark.parametrize("share", [0.4, 0.7, 0.9, 0.97])
@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        ("mp4", "libx264"),
        ("mov", "libx264"),
        ("mkv", "libx264"),
        ("ts", "libx264"),
        ("m2ts", "libx264"),
        ("flv", "flv"),
        ("avi", "mpeg4"),
        ("webm", "libvpx"),
        ("ogv", "libvpx"),
        ("gif", "gif"),
    ],
)
def test_cut_files_of_all_containers_are_refused(tmp_path, suffix, codec, share, with_sound):
    sounds = {"gif": None, "webm": "libopus", "ogv": "libopus", "avi": "mp2"}
    sound = sounds.get(suffix, "aac")
    for name in [codec, sound] if with_sound else [codec]:
        try:
            av.Codec(name, "w")
        except (ValueError, av.FFmpegError, TypeError):
            pytest.skip(f"PyAV can't write {codec} with {sound}")
    path = tmp_path / f"cut.{suffix}"
    options = {"movflags": "+faststart"} if suffix in ("mp4", "mov") else {}  # frames at the end
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=FPS)
        stream.width, stream.height = WIDTH, HEIGHT
        stream.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
        voice = container.add_stream(sound, rate=48000) if with_sound else None
        for number in range(24):
            frame = av.VideoFrame.from_ndarray(numbered_frame(number), "rgb24").reformat(format=stream.pix_fmt)
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
            if with_sound:
                noise = np.random.default_rng(number).integers(-9999, 9999, (1, 2 * 48000 // FPS), np.int16)
                samples = av.AudioFrame.from_ndarray(noise, format="s16", layout="stereo")
                samples.sample_rate, samples.pts, samples.time_base = 48000, number * 48000 // FPS, Fraction(1, 48000)
                container.mux(voice.encode(samples))
        container.mux(stream.encode(None))
        if with_sound:
            container.mux(voice.encode(None))
    assert count_frames(path) == 24
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data)) | 1])
    try:
        frames = read_frames(path)
    except DecodingError:
        return
    assert with_sound and suffix in ("mp4", "mov") and numbers(frames) == list(range(24))  # only sound is missing


# --- Display matrices ---

UNIT = 1 << 16
MATRICES = {  # a b c d → what is shown, of an image (H, W, 3)
    (1, 0, 0, 1): lambda image: image,
    (0, 1, -1, 0): lambda image: np.rot90(image, -1),
    (-1, 0, 0, -1): lambda image: np.rot90(image, 2),
    (0, -1, 1, 0): lambda image: np.rot90(image, 1),
    (-1, 0, 0, 1): lambda image: image[:, ::-1],
    (1, 0, 0, -1): lambda image: image[::-1],
    (0, 1, 1, 0): lambda image: image.transpose(1, 0, 2),
    (0, -1, -1, 0): lambda image: image[::-1, ::-1].transpose(1, 0, 2),
}


def with_matrix(path, matrix):
    a, b, c, d = (UNIT * value for value in matrix)
    # The last column has 30 bits behind the point; translations move the picture back into view.
    packed = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)

    def change(kind, content):
        return box(kind, content[:40] + packed + content[76:] if kind == b"tkhd" else content)

    path.write_bytes(rewrite(path.read_bytes(), change))
    return path


@pytest.mark.parametrize(("matrix", "shown"), MATRICES.items(), ids=map(str, MATRICES))
def test_display_matrices(tmp_path, matrix, shown):
    plain = read_frames(write_numbered(tmp_path / "plain.mp4", count=3))
    path = with_matrix(write_numbered(tmp_path / "turned.mp4", count=3), matrix)
    frames = read_frames(path)
    np.testing.assert_array_equal(frames, np.stack([shown(frame) for frame in plain]))
    info = video_info(path)
    assert (info.height, info.width) == frames.shape[1:3]
    np.testing.assert_array_equal(next(iter_frames(path))[1], frames[0])
