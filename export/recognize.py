"""Recognise gestures in a video file or before a webcam.

examples:
  python -m export.recognize gesture.tflite --video video.mp4
  python -m export.recognize gesture.tflite --video stream.mp4 --truth stream.csv --output-video labelled.mp4
  python -m export.recognize runs/mine --webcam 0 --json -

Each gesture is printed as a line when it has ended. With --json - the lines go to standard error. The exit status is 2
if the model or the video can't be read.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path


def make_parser():
    parser = argparse.ArgumentParser(
        prog="python -m export.recognize", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", metavar="MODEL", help="a .tflite file, a training run's folder, or a .keras file")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--video", metavar="FILE", help="a video file")
    source.add_argument("--webcam", type=int, metavar="NUMBER", help="a camera; end with Ctrl-C (needs OpenCV)")
    parser.add_argument("--json", metavar="FILE", help="write all events as one JSON document; - for standard output")
    parser.add_argument("--output-video", metavar="FILE", help="write the video with the labels drawn in")
    parser.add_argument("--truth", metavar="CSV", help="true gestures (label,start,end): print found, missed and false")
    parser.add_argument("--labels", metavar="FILE", help="names of the classes, one a line (default: the model's)")
    parser.add_argument("--clip-seconds", type=float, help="length of the window in seconds (default: the model's)")
    parser.add_argument("--stride", type=float, help="seconds between two windows (default: a frame of the window)")
    parser.add_argument("--threshold", type=float, help="probability at which a gesture begins (default: 0.7)")
    return parser


def main(argv=None):
    parser = make_parser()
    arguments = parser.parse_args(argv)
    if arguments.output_video and arguments.video is None:
        parser.error("--output-video needs --video")
    if arguments.output_video and Path(arguments.output_video).resolve() == Path(arguments.video).resolve():
        parser.error("--output-video must not be the --video itself")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        _recognize(arguments)
    except (ImportError, OSError, ValueError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def _recognize(arguments):
    from keras_action.recognition import match_events, read_segments

    lines = sys.stderr if arguments.json == "-" else sys.stdout
    truth = None if arguments.truth is None else read_segments(arguments.truth)
    recognizer = _make_recognizer(arguments)
    frames = _video_frames(arguments.video) if arguments.webcam is None else _webcam_frames(arguments.webcam)
    events, count, timestamp, start = [], 0, 0.0, time.perf_counter()

    def take(new):
        for event in new:
            print(event, file=lines, flush=True)
        events.extend(new)

    try:
        for timestamp, frame in frames:
            take(recognizer.push(frame, timestamp))
            count += 1
    except KeyboardInterrupt:
        print("interrupted", file=lines)
    take(recognizer.flush())
    seconds = time.perf_counter() - start
    found, seen = _count(len(events), "event"), _count(count, "frame")
    print(f"{found} in {seen}, {timestamp:.1f} s; took {seconds:.1f} s", file=lines)

    report = None if truth is None else match_events(events, truth)
    if report is not None:
        print(report, file=lines)
    if arguments.json is not None:
        _write_json(arguments, events, report)
    if arguments.output_video is not None:
        _write_labelled(arguments, events)


def _count(number, noun):
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _make_recognizer(arguments):
    from keras_action.recognition import EventDetector, GestureRecognizer

    labels = None
    if arguments.labels is not None:
        lines = Path(arguments.labels).read_text(encoding="utf-8").splitlines()
        labels = tuple(line.strip() for line in lines if line.strip())
    recognizer = GestureRecognizer(
        arguments.model, labels=labels, clip_seconds=arguments.clip_seconds, stride=arguments.stride
    )
    if arguments.threshold is not None:
        off_threshold = min(arguments.threshold, recognizer.detector.off_threshold)
        recognizer.detector = EventDetector.for_clips(
            recognizer.labels,
            recognizer.clip_seconds,
            on_threshold=arguments.threshold,
            off_threshold=off_threshold,
        )
    return recognizer


def _video_frames(path):
    from keras_action.data import iter_frames

    return iter_frames(path)


def _webcam_frames(number):
    try:
        import cv2
    except ImportError as error:
        raise ImportError("A webcam needs OpenCV. Install it with: pip install opencv-python-headless") from error
    camera = cv2.VideoCapture(number)
    try:
        if not camera.isOpened():
            raise OSError(f"There is no such camera. Received: --webcam {number}")
        start = time.monotonic()
        while True:
            there, frame = camera.read()
            if not there:
                return  # it was unplugged, or has ended
            yield time.monotonic() - start, cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
    finally:
        camera.release()


def _write_json(arguments, events, report):
    from keras_action.files import write_whole

    document = {
        "model": arguments.model,
        "source": f"webcam {arguments.webcam}" if arguments.video is None else arguments.video,
        "events": [event.to_dict() for event in events],
    }
    if report is not None:
        document["truth"] = report.to_dict()
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if arguments.json == "-":
        sys.stdout.write(text)
    else:
        write_whole(arguments.json, text)


def _write_labelled(arguments, events):
    from keras_action.data import iter_frames, probe, write_video
    from keras_action.recognition import draw_events

    # The video is read once more: an event is known only when it has ended.
    frames = (draw_events(frame, timestamp, events) for timestamp, frame in iter_frames(arguments.video))
    write_video(arguments.output_video, frames, fps=probe(arguments.video).fps)


if __name__ == "__main__":
    main()
