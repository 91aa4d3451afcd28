// Frames become gesture events: keras_action/recognition/recognizer.py, for one thread.

import { EventDetector } from "./events.js";
import { resize, resizeAndCrop } from "./frames.js";
import { FrameSteps, SlidingWindows } from "./windows.js";

export class GestureRecognizer {
  /**
   * `model`: a `ClipModel` or a `StreamModel`; `description`: its entry in models.json.
   */
  constructor(model, description) {
    this.description = description;
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
  }

  get settings() {
    return this.detector.settings;
  }

  /** Others can be set at any time; the gesture that is going on is then forgotten. */
  set settings(settings) {
    this.detector = new EventDetector(this.description.labels, settings);
  }

  reset() {
    this._source.reset();
    this.detector.reset();
    this._last = null;
  }

  /** Takes a frame: {pixels (RGBA), height, width}, its time in seconds. Returns the events that fired. */
  async push({ pixels, height, width }, timestamp, isLive = false) {
    // A browser may show the same frame twice.
    if (this._last !== null && timestamp <= this._last) return [];
    const events = [];
    if (this._last !== null && timestamp - this._last > this._longestGap) events.push(...(await this.flush()));
    this._last = timestamp;
    const scale = this.description.squash ? resize : resizeAndCrop;
    const frame = scale(pixels, height, width, ...this.description.input_size);
    return [...events, ...this._detect(await this._source.push(frame, timestamp, isLive))];
  }

  /** Ends the stream. Returns the events that fired. */
  async flush() {
    const events = [...this._detect(await this._source.flush()), ...this.detector.flush()];
    this._last = null;
    return events;
  }

  _detect(readings) {
    return readings.flatMap(({ logits, time, now }) => this.detector.push(logits, time, now));
  }
}
