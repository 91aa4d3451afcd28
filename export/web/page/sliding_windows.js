// Logits over time by a model of clips: keras_action/recognition/sliding_windows.py, line by line.
// A prediction is {time, now, logits, length}. Models return promises, and so do the methods.

const ROUNDING = 1e-6; // seconds

/** Runs a model of clips on windows of the last frames, one of each length every `stride` seconds. */
export class SlidingWindows {
  /** `predict`: from an array of T frames to a promise of their logits. */
  constructor(predict, numSegments, windowSeconds, stride) {
    this.predict = predict;
    this.numSegments = numSegments;
    this.windowSeconds = windowSeconds;
    this.stride = stride;
    this.reset();
  }

  /** Forgets all frames. */
  reset() {
    this._frames = []; // {timestamp, frame} of the longest window
    this._start = null;
    this._next = null; // end of the next windows
  }

  /** Adds a frame. Returns the new predictions. */
  async push(frame, timestamp) {
    if (this._frames.length === 0) {
      this._start = timestamp;
      this._next = timestamp + Math.min(...this.windowSeconds) / 2;
    }
    this._frames.push({ timestamp, frame });
    if (timestamp < this._next) {
      this._dropOldFrames();
      return [];
    }
    // Rounding must not make it one step back.
    const skipped = Math.max(Math.floor((timestamp - this._next) / this.stride), 0);
    return this._predict(this._next + skipped * this.stride);
  }

  /** Ends the stream. Returns the predictions up to its last frame. */
  async flush() {
    const predictions = [];
    const half = Math.max(...this.windowSeconds) / 2;
    while (this._frames.length > 0 && this._next <= this._frames.at(-1).timestamp + half + ROUNDING) {
      predictions.push(...(await this._predict(this._next)));
    }
    this.reset();
    return predictions;
  }

  /** Runs the model on the windows of this end whose centres are within the stream. */
  async _predict(end) {
    const now = this._frames.at(-1).timestamp;
    const predictions = [];
    for (const length of this.windowSeconds) {
      const time = end - length / 2;
      if (time < this._start - ROUNDING || time > now + ROUNDING) continue;
      const clip = [];
      for (let i = 0; i < this.numSegments; i++) {
        const middle = end - length + (i + 0.5) * (length / this.numSegments);
        const index = this._frames.findLastIndex(({ timestamp }) => timestamp <= middle);
        clip.push(this._frames[Math.max(index, 0)].frame);
      }
      predictions.push({ time, now, logits: await this.predict(clip), length });
    }
    this._next = end + this.stride;
    this._dropOldFrames();
    return predictions;
  }

  /** Drops the frames before the next windows. */
  _dropOldFrames() {
    const before = this._next - Math.max(...this.windowSeconds);
    while (this._frames.length > 1 && this._frames[1].timestamp <= before) this._frames.shift();
  }
}
