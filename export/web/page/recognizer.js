// Frames become gesture events: keras_action/recognition/recognizer.py, for one thread.

import { EventDetector } from "./events.js";
import { resize, resizeAndCrop } from "./frames.js";
import { WindowDetector } from "./window_events.js";
import { FrameSteps, SlidingWindows } from "./windows.js";

export class GestureRecognizer {
  /**
   * `model`: a `ClipModel` or a `StreamModel`; `description`: its entry in models.json.
   */
  constructor(model, description) {
    this.description = description;
    this._hasLengths = description.kind === "clip" && (description.settings.window_seconds ?? []).length > 1;
    this.settings = description.settings;
    const { num_segments: numSegments, clip_seconds: clipSeconds } = description;
    const step = clipSeconds / numSegments;
    if (description.kind === "stream") {
      this._longestGap = clipSeconds;
      this._source = new FrameSteps(model, numSegments, step);
    } else {
      const lengths = this.settings.window_seconds ?? [clipSeconds];
      this._longestGap = Math.max(...lengths);
      this._source = new SlidingWindows(model.predict.bind(model), numSegments, lengths, this.settings.stride ?? step);
    }
    this._last = null; // the last timestamp
    this._spent = 0; // seconds that its frame took
  }

  get settings() {
    return this.detector.settings;
  }

  /** Others can be set at any time; the gesture that is going on is then forgotten. */
  set settings(settings) {
    this.detector = new (this._hasLengths ? WindowDetector : EventDetector)(this.description.labels, settings);
  }

  reset() {
    this._source.reset();
    this.detector.reset();
    this._last = null;
    this._spent = 0;
  }

  /** Runs the model on a black picture: its first run takes longer, and a file that can't run says so here. */
  async warmUp() {
    const [height, width] = this.description.input_size;
    const frame = { pixels: new Uint8ClampedArray(height * width * 4), height, width };
    await this.push(frame, 0);
    await this.push(frame, this._longestGap);
    this.reset();
  }

  /** Takes a frame: {pixels (RGBA), height, width}, its time in seconds. Returns the events that fired. */
  async push({ pixels, height, width }, timestamp, isLive = false) {
    // A browser may show the same frame twice.
    if (this._last !== null && timestamp <= this._last) return [];
    const start = performance.now();
    const events = [];
    // Live frames that came while the last one was worked on were dropped: that is no gap.
    const longestGap = this._longestGap + (isLive ? this._spent : 0);
    if (this._last !== null && timestamp - this._last > longestGap) events.push(...(await this.flush()));
    this._last = timestamp;
    const scale = this.description.crop_to_aspect_ratio ? resizeAndCrop : resize;
    const frame = scale(pixels, height, width, ...this.description.input_size);
    events.push(...this._detect(await this._source.push(frame, timestamp, isLive)));
    this._spent = (performance.now() - start) / 1000;
    return events;
  }

  /** Ends the stream. Returns the events that fired. */
  async flush() {
    const events = [...this._detect(await this._source.flush()), ...this.detector.flush()];
    this._last = null;
    this._spent = 0;
    return events;
  }

  _detect(readings) {
    return readings.flatMap(({ logits, time, now, length }) => this.detector.push(logits, time, now, length));
  }
}
