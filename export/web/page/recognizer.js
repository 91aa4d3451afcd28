// Recognition of gestures in a stream of frames: keras_action/recognition/recognizer.py, for one thread.

import { makeDetector } from "./detectors.js";
import { FrameSteps } from "./frame_steps.js";
import { resize, resizeAndCrop } from "./frames.js";
import { SlidingWindows } from "./sliding_windows.js";
import { StreamPipeline } from "./stream_pipeline.js";

export class GestureRecognizer {
  /** `model`: a `ClipModel` or a `StreamModel`; `description`: its entry in models.json. */
  constructor(model, description) {
    this.description = description;
    const { kind, labels, settings } = description;
    const { num_segments: numSegments, clip_seconds: clipSeconds, input_size: inputSize } = description;
    const scale = description.crop_to_aspect_ratio ? resizeAndCrop : resize;
    const resizeFrame = ({ pixels, height, width }) => scale(pixels, height, width, ...inputSize);
    const step = clipSeconds / numSegments;
    const lengths = (kind === "clip" && settings.window_seconds) || [clipSeconds];
    const predictor =
      kind === "stream"
        ? new FrameSteps(model, step, description.return_sequences ? 1 : numSegments)
        : new SlidingWindows(model.predict.bind(model), numSegments, lengths, settings.stride ?? step);
    this._pipeline = new StreamPipeline(resizeFrame, predictor, makeDetector(labels, settings), Math.max(...lengths));
    this._spent = 0; // seconds that the last frame took
  }

  get detector() {
    return this._pipeline.detector;
  }

  get settings() {
    return this.detector.settings;
  }

  /** Other settings can be assigned at any time; the current gesture is then forgotten. */
  set settings(settings) {
    this._pipeline.detector = makeDetector(this.description.labels, settings);
  }

  reset() {
    this._pipeline.reset();
    this._spent = 0;
  }

  /** Runs the model on a black frame: the first run takes longer, and a file that can't run fails here. */
  async warmUp() {
    const [height, width] = this.description.input_size;
    const frame = { pixels: new Uint8ClampedArray(height * width * 4), height, width };
    await this.push(frame, 0);
    await this.push(frame, this._pipeline.maxGap);
    this.reset();
  }

  /** Adds a frame, {pixels (RGBA), height, width}, and its time in seconds. Returns the events that fired. */
  async push(frame, timestamp, isLive = false) {
    // A browser may show the same frame twice.
    const last = this._pipeline.lastTimestamp;
    if (last !== null && timestamp <= last) return [];
    const start = performance.now();
    // Live frames that arrived while the last one was processed were dropped: that is not a gap.
    const events = await this._pipeline.push(frame, timestamp, isLive, isLive ? this._spent : 0);
    this._spent = (performance.now() - start) / 1000;
    return events;
  }

  /** Ends the stream. Returns the events that fired. */
  async flush() {
    this._spent = 0;
    return this._pipeline.flush();
  }
}
