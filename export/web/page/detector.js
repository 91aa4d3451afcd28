// Base class of the event detectors: keras_action/recognition/detector.py.

import { Smoother, softmax } from "./smoothing.js";

/** One interface from logits to gesture events. A subclass has `step`, `flush` and `activeLabel`. */
export class Detector {
  /** `settings`: an object with the fields of `EventSettings` or `WindowEventSettings`. */
  constructor(labels, settings) {
    this.labels = labels;
    this.settings = settings;
    const ignored = new Set(settings.ignore.map((label) => label.toLowerCase()));
    this._ignored = labels.map((label) => ignored.has(label.toLowerCase()));
    this.reset();
  }

  /** Returns to the initial state. */
  reset() {
    this._now = -Infinity; // time of the stream
    this._smoothers = new Map(); // by length
    this._last = new Map(); // the last smoothed scores of each length
  }

  /**
   * Adds the logits of one window or step. Returns the events that fired.
   *
   * `timestamp`: the time to which they belong, the centre of a window. `now`: the time of the stream at which they were
   * available. `length`: of the window; null for a streaming model.
   */
  push(logits, timestamp, now = timestamp, length = null) {
    this._checkLength(length);
    const probabilities = this._check(logits, timestamp, this._last.get(length)?.timestamp ?? null);
    if (!(Number.isFinite(now) && now >= this._now)) {
      throw new RangeError(`\`now\` must be finite and must not decrease. Received: now=${now}`);
    }
    if (!this._smoothers.has(length)) {
      this._smoothers.set(length, new Smoother(this.settings.smoothing, this.settings.smoothing_kind));
    }
    return this.step(this._smoothers.get(length).push(probabilities, timestamp, now, length));
  }

  /** The last smoothed scores, with several lengths those with the most probable gesture; null at the start. */
  get smoothed() {
    const probability = ({ scores }) => Math.max(0, ...scores.filter((_, index) => !this._ignored[index]));
    const better = (best, item) => (best === null || probability(item) > probability(best) ? item : best);
    return [...this._last.values()].reduce(better, null);
  }

  /** Returns the probabilities. The timestamp must be after the last one. */
  _check(logits, timestamp, last) {
    if (logits.length !== this.labels.length || !Array.from(logits).every(Number.isFinite)) {
      throw new RangeError(`Expected ${this.labels.length} finite logits. Received: ${Array.from(logits)}`);
    }
    if (!Number.isFinite(timestamp) || (last !== null && timestamp <= last)) {
      throw new RangeError(`Timestamps must be finite and increase. Received: timestamp=${timestamp}`);
    }
    return softmax(logits);
  }

  /** Throws a RangeError if the detector can't take a window of this length. */
  _checkLength(_length) {}

  /** Stores the last scores of a length. Returns the ones before, or null. */
  _record(smoothed) {
    this._now = smoothed.now;
    const last = this._last.get(smoothed.length) ?? null;
    this._last.set(smoothed.length, smoothed);
    return last;
  }

  /** Whether the most probable label reaches `on_threshold`, by `margin` above the second. */
  _exceedsOnThreshold(smoothed) {
    const top = smoothed.scores[smoothed.best];
    return top >= this.settings.on_threshold && top - smoothed.second >= this.settings.margin;
  }
}
