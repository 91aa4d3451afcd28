"""Videos as the MediaRecorder of a browser writes them."""

import io
import re
from fractions import Fraction


class _Pipe(io.RawIOBase):
    """Bytes that can only be appended: lengths, duration and index are not filled in later."""

    def __init__(self):
        self.content = bytearray()

    def writable(self):
        return True

    def write(self, data):
        self.content += bytes(data)
        return len(data)


def live_webm(frames, times):
    """The bytes of a WebM file with frames at uneven times, in seconds, without duration and index."""
    import av

    pipe = _Pipe()
    with av.open(pipe, "w", format="webm", options={"live": "1"}) as container:
        stream = container.add_stream("libvpx", rate=1000)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, 1000)
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.options = {"deadline": "realtime", "cpu-used": "8", "crf": "10", "b": "4M"}
        for image, time in zip(frames, times, strict=True):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = round(1000 * time), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    # FFmpeg states a rate (DefaultDuration), which browsers don't: an empty element of the same length in its place.
    content, count = re.subn(rb"\x23\xe3\x83\x83...", b"\xec\x85" + bytes(5), bytes(pipe.content), flags=re.DOTALL)
    assert count == 1
    return content
