"""Recognise gestures of a camera, a video or a network stream.

examples:
  keras-action recognize gesture.tflite --webcam 0
  keras-action recognize gesture.tflite --webcam 0 --key swipe_left Left --key swipe_right Right --firing early
  keras-action recognize gesture.tflite --webcam 0 --on push "notify-send pushed"
  keras-action recognize gesture.tflite --url rtsp://camera.local/stream1 --json-lines -
  keras-action recognize gesture.tflite --video stream.mp4 --truth stream.csv --output-video labelled.mp4
  keras-action recognize gesture.tflite --video swipes.mp4 --record swipes.webp --record-height 270
  keras-action recognize runs/mine --frames clips/17 --fps 12 --json -

Each gesture is printed as a line when it is reported. If the source is live and there is a screen, or with --show, a
window shows the video, the probabilities and the run time. The program ends with a summary at the end of the video,
when the camera is unplugged, with Ctrl-C, and with q in the window. With --json - or --json-lines - the lines are
printed to standard error. The exit status is 2 if the model or the source can't be read, or the source has no frames.
"""

import argparse
import collections
import contextlib
import dataclasses
import itertools
import math
import signal
import sys
import time
from pathlib import Path

import keras_action
from keras_action.programs.arguments import (
    add_firing_argument,
    add_labels_argument,
    add_matching_argument,
    add_recognizer_arguments,
    add_settings_arguments,
    exit_on_errors,
    make_recognizer,
    print_or_write_json,
    program_parser,
)
from keras_action.utils.intervals import read_intervals
from keras_action.utils.text import counted

from .actions import Actions
from .live import FrameClock, LiveRecognition, Monitor


def make_parser():
    parser = program_parser("recognize", __doc__)
    parser.add_argument("model", metavar="MODEL", help="a .tflite file, a training run's folder, or a .keras file")
    source = parser.add_argument_group("source").add_mutually_exclusive_group(required=True)
    source.add_argument("--video", metavar="FILE", help="a video file")
    source.add_argument("--webcam", type=int, metavar="NUMBER", help="a camera, from 0 (needs OpenCV)")
    source.add_argument("--url", help="a network stream: rtsp://, http://, udp://")
    source.add_argument("--frames", metavar="FOLDER", help="a folder of numbered images; with --fps")
    parser.add_argument("--fps", type=float, help="frames per second of --frames")
    parser.add_argument("--seconds", type=float, default=math.inf, help="stop at this time of the source")
    output = parser.add_argument_group("output")
    output.add_argument(
        "--show",
        action=argparse.BooleanOptionalAction,
        help="open a window (default: for a live source, if there is a screen)",
    )
    output.add_argument("--json", metavar="FILE", help="write all events as one JSON document; - for standard output")
    output.add_argument(
        "--json-lines",
        metavar="FILE",
        help="write each event as a line of JSON when it is reported; - for standard output",
    )
    output.add_argument("--output-video", metavar="FILE", help="write the video with the labels drawn in")
    output.add_argument("--record", metavar="FILE", help="write the picture of the window as .mp4, .gif, .webp, …")
    output.add_argument("--record-height", type=int, default=480, help="height of --record in pixels")
    output.add_argument("--truth", metavar="CSV", help="ground truth (label,start,end): compare the events with it")
    add_matching_argument(output)
    actions = parser.add_argument_group("actions")
    actions.add_argument(
        "--on",
        nargs=2,
        action="append",
        default=[],
        metavar=("LABEL", "COMMAND"),
        help="run a command on a gesture; * for any",
    )
    actions.add_argument(
        "--key",
        nargs=2,
        action="append",
        default=[],
        metavar=("LABEL", "KEY"),
        help="press a key on a gesture: Left, page_down, ctrl+s",
    )
    settings = parser.add_argument_group("recognition")
    add_labels_argument(settings)
    add_recognizer_arguments(settings)
    add_settings_arguments(settings)
    settings.add_argument(
        "--threshold",
        type=float,
        help="probability at which a gesture begins (default: 0.7; with windows of several lengths 0.5)",
    )
    add_firing_argument(settings)
    return parser


def main(argv=None):
    parser = make_parser()
    arguments = parser.parse_args(argv)
    _check(parser, arguments)
    try:
        with exit_on_errors(RuntimeError, status=2):
            _recognize(arguments)
    except KeyboardInterrupt:  # before the first frame or after the last one
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def _check(parser, arguments):
    if (arguments.frames is None) != (arguments.fps is None):
        parser.error("--frames and --fps go together")
    if arguments.webcam is not None and arguments.webcam < 0:
        parser.error(f"--webcam must be the number of a camera, from 0. Received: --webcam {arguments.webcam}")
    if arguments.output_video and arguments.video is None:
        parser.error("--output-video needs --video")
    for option, path in (("--output-video", arguments.output_video), ("--record", arguments.record)):
        if path and arguments.video and Path(path).resolve() == Path(arguments.video).resolve():
            parser.error(f"{option} must not be the --video itself")
    if arguments.record and arguments.video is None and arguments.frames is None:
        parser.error("--record needs --video or --frames")
    if not arguments.seconds > 0:
        parser.error(f"--seconds must be above 0. Received: --seconds {arguments.seconds}")
    if arguments.record_height < 100:
        parser.error(f"--record-height must be 100 or more. Received: --record-height {arguments.record_height}")
    if arguments.json == "-" and arguments.json_lines == "-":
        parser.error("--json and --json-lines can't both be -")
    if arguments.num_threads < 1:
        parser.error(f"--num-threads must be 1 or more. Received: --num-threads {arguments.num_threads}")


def _recognize(arguments):
    from keras_action.recognition.matching import MATCHINGS

    from .display import Film

    lines = sys.stderr if "-" in (arguments.json, arguments.json_lines) else sys.stdout
    truth = None if arguments.truth is None else read_intervals(arguments.truth)
    clock = FrameClock()
    monitor = Monitor(_recognizer_with_settings(arguments, clock))
    # The output of commands must not mix with lines of JSON.
    actions = Actions(monitor.recognizer.labels, arguments.on, arguments.key, output=2 if lines is sys.stderr else None)
    name, frames, is_live = _open_source(arguments)
    events = []

    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.closing(frames))
        # A source that can't be read raises here, before a file is written.
        first = next(frames, None)
        if first is None:
            raise ValueError(f"{name} has no frames.")
        frames = itertools.chain([first], frames)
        _warn_if_trained_on_clips(arguments, monitor.recognizer)
        window = _open_window(arguments, monitor, is_live)
        film = None if arguments.record is None else Film(monitor, arguments.record_height)
        json_lines = stack.enter_context(_json_lines(arguments.json_lines))

        def take(new):
            for event in new:
                print(event, file=lines, flush=True)
                if json_lines is not None:
                    print(event.to_json(), file=json_lines, flush=True)
                actions.take(event)
            for screen in (window, film):
                if screen is not None:
                    screen.take(new)
            events.extend(new)

        session = _Session(monitor, window, take)
        wanted = itertools.takewhile(lambda item: item[0] < arguments.seconds, frames)
        try:
            if is_live:
                session.run_live(wanted, clock)
            elif film is not None:
                fps = arguments.fps or keras_action.data.video_info(arguments.video).fps
                with _interrupts_stop(session):
                    pictures = (film.picture(frame, seconds) for seconds, frame in session.run(wanted))
                    keras_action.data.write_video(arguments.record, pictures, fps)
                if session.is_stopped:
                    print("interrupted", file=lines)
            else:
                collections.deque(session.run(wanted), maxlen=0)
        except KeyboardInterrupt:
            print("interrupted", file=lines)
        finally:
            if window is not None:
                window.close()
        take(monitor.recognizer.flush())
        actions.close()
    print(session.summary(len(events)), file=lines)

    report = None if truth is None else MATCHINGS[arguments.matching](events, truth)
    if report is not None:
        print(report, file=lines)
    if arguments.json is not None:
        _write_json(arguments, name, events, report)
    if arguments.output_video is not None:
        _write_labelled(arguments, events, session.seconds)


class _Session:
    """Recognition in one source."""

    def __init__(self, monitor, window, take):
        self.monitor, self.window, self.take = monitor, window, take
        self.count, self.seconds, self.dropped = 0, 0.0, 0
        self.is_stopped = False  # by Ctrl-C
        self._start = time.perf_counter()

    def run(self, frames):
        """Yields each frame after recognition, as fast as possible; with a window, at most as fast as the video."""
        for self.seconds, frame in frames:
            self.take(self.monitor.push(frame, self.seconds))
            self.count += 1
            if self.window is not None:
                ahead = self.seconds - (time.perf_counter() - self._start)
                if not self.window.show(frame, max(ahead, 0)):
                    return
            yield self.seconds, frame
            if self.is_stopped:
                return

    def run_live(self, frames, clock):
        """Recognises the newest frame whenever the model is not running."""
        live = LiveRecognition(self.monitor, clock, self.take)
        try:
            for self.seconds, frame in frames:
                live.push(frame, self.seconds)
                self.count += 1
                if self.window is not None and not self.window.show(frame):
                    break
        finally:
            live.close()
            self.dropped = live.dropped + self.monitor.recognizer.dropped

    def summary(self, events):
        """A line about the run."""
        took = time.perf_counter() - self._start
        text = f"{counted(events, 'event')} in {counted(self.count, 'frame')}, {self.seconds:.1f} s; took {took:.1f} s"
        times = sorted(self.monitor.milliseconds)
        if times:
            text += (
                f"; inference {times[len(times) // 2]:.1f} ms (95th percentile {times[len(times) * 95 // 100]:.1f} ms)"
            )
        return f"{text}; {counted(self.dropped, 'frame')} dropped" if self.dropped else text


@contextlib.contextmanager
def _interrupts_stop(session):
    """Ctrl-C ends the session after the current frame and keeps the recording; a second one ends it at once."""

    def stop(signum, frame):
        session.is_stopped = True
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _recognizer_with_settings(arguments, clock):
    """The recogniser, with the settings of `--firing` and `--threshold`."""
    recognizer = make_recognizer(arguments, clock=clock)
    settings = recognizer.settings
    if arguments.firing is not None:
        settings = dataclasses.replace(settings, firing=arguments.firing)
    if arguments.threshold is not None:
        settings = settings.with_on_threshold(arguments.threshold)
    recognizer.settings = settings
    return recognizer


def _warn_if_trained_on_clips(arguments, recognizer):
    """Prints a warning if the model was not trained on streams, unless settings are given, as tuned on streams."""
    from keras_action.recognition.loading import stream_warning

    name = Path(arguments.model).name
    warning = stream_warning(name, recognizer.knows_streams, recognizer.labels)
    if warning is not None and arguments.settings is None:
        print(f"warning: {warning}", file=sys.stderr)


def _open_source(arguments):
    """The source's name, its frames, and whether it is live."""
    from keras_action.recognition import sources

    if arguments.webcam is not None:
        return f"webcam {arguments.webcam}", sources.camera_frames(arguments.webcam), True
    if arguments.url is not None:
        return arguments.url, sources.stream_frames(arguments.url), True
    if arguments.frames is not None:
        return arguments.frames, sources.folder_frames(arguments.frames, arguments.fps), False
    return arguments.video, keras_action.data.iter_frames(arguments.video), False


def _open_window(arguments, monitor, is_live):
    from .display import Window, has_screen

    if not (is_live and has_screen() if arguments.show is None else arguments.show):
        return None
    try:
        return Window(monitor, mirror=arguments.webcam is not None)
    except (ImportError, OSError) as error:
        if arguments.show:
            raise
        print(f"no window: {error}", file=sys.stderr)
        return None


def _json_lines(path):
    """The open file of --json-lines, as a context manager."""
    if path is None or path == "-":
        return contextlib.nullcontext(None if path is None else sys.stdout)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    return open(path, "w", encoding="utf-8")


def _write_json(arguments, source, events, report):
    document = {"model": arguments.model, "source": source, "events": [event.to_dict() for event in events]}
    if report is not None:
        document["truth"] = report.to_dict()
    print_or_write_json(arguments.json, document)


def _write_labelled(arguments, events, seconds):
    """Writes the video with labels, up to the frame at this time."""
    data, draw_events = keras_action.data, keras_action.recognition.draw_events
    # The video is read again, as an event is known only after its end.
    with contextlib.closing(data.iter_frames(arguments.video)) as frames:
        part = itertools.takewhile(lambda item: item[0] <= seconds, frames)
        labelled = (draw_events(frame, timestamp, events) for timestamp, frame in part)
        data.write_video(arguments.output_video, labelled, fps=data.video_info(arguments.video).fps)


if __name__ == "__main__":
    main()
