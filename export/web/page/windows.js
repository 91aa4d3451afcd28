// From frames to logits over time: keras_action/recognition/windows.py, line by line.
// A reading is {time, now, logits, length}. The models answer with promises, so the methods do too.

const ROUNDING = 1e-6; // seconds

/** Runs a model of whole clips on windows of the frames seen last, of each length one every `stride` seconds. */
export class SlidingWindows {
  /** `predict`: from an array of T frames to a promise of their logits. */
  constructor(predict, numSegments, lengths, stride) {
    this.predict = predict;
    this.numSegments = numSegments;
    this.lengths = lengths;
    this.stride = stride;
    this.reset();
  }

  reset() {
    this._frames = []; // {timestamp, frame} of the longest window
    this._start = null;
    this._next = null; // where the next windows end
  }

  async push(frame, timestamp) {
    if (this._frames.length === 0) {
      this._start = timestamp;
      this._next = timestamp + Math.min(...this.lengths) / 2;
    }
    this._frames.push({ timestamp, frame });
    if (timestamp < this._next) {
      this._forget();
      return [];
    }
    // Rounding must not make it one step back.
    const skipped = Math.max(Math.floor((timestamp - this._next) / this.stride), 0);
    return this._read(this._next + skipped * this.stride);
  }

  async flush() {
    const readings = [];
    const half = Math.max(...this.lengths) / 2;
    while (this._frames.length > 0 && this._next <= this._frames.at(-1).timestamp + half + ROUNDING) {
      readings.push(...(await this._read(this._next)));
    }
    this.reset();
    return readings;
  }

  /** Runs the windows that end there, if their centres lie within the stream. */
  async _read(end) {
    const now = this._frames.at(-1).timestamp;
    const readings = [];
    for (const length of this.lengths) {
      const time = end - length / 2;
      if (time < this._start - ROUNDING || time > now + ROUNDING) continue;
      const clip = [];
      for (let i = 0; i < this.numSegments; i++) {
        const middle = end - length + (i + 0.5) * (length / this.numSegments);
        const shown = this._frames.findLastIndex(({ timestamp }) => timestamp <= middle);
        clip.push(this._frames[Math.max(shown, 0)].frame);
      }
      readings.push({ time, now, logits: await this.predict(clip), length });
    }
    this._next = end + this.stride;
    this._forget();
    return readings;
  }

  /** Drops the frames that no window will show. */
  _forget() {
    const before = this._next - Math.max(...this.lengths);
    while (this._frames.length > 1 && this._frames[1].timestamp <= before) this._frames.shift();
  }
}

/** Feeds a streaming model one frame after the other, at the time step of its training. */
export class FrameSteps {
  /**
   * `model`: an object with `step(frame)`, a promise of the frame's logits, and `reset()`; where these are the mean of the
   * last n frames' logits, zeros before the first frame, with `averageOver`, n.
   */
  constructor(model, numSegments, step) {
    this.model = model;
    this.numSegments = numSegments;
    this.stride = step;
    this._inside = model.averageOver ?? 1; // 1: the model takes no mean
    this._span = this._inside > 1 ? this._inside : numSegments;
    this.reset();
  }

  reset() {
    this.model.reset();
    this._recent = []; // {time, logits} of the last steps
    this._frame = null; // {timestamp, frame} on screen
    this._start = null;
    this._count = 0; // of steps since the start
  }

  async push(frame, timestamp, isLive = false) {
    if (this._frame === null) {
      this._start = timestamp;
    } else if (isLive) {
      // The frame before this one was on screen until now.
      this._count = Math.max(this._count, Math.ceil((timestamp - this._start) / this.stride) - 1);
    }
    const readings = this._frame === null ? [] : await this._feed(timestamp, timestamp);
    this._frame = { timestamp, frame };
    return readings;
  }

  async flush() {
    let readings = [];
    if (this._frame !== null) {
      const last = this._frame.timestamp;
      const half = ((this._span - 1) / 2) * this.stride;
      readings = (await this._feed(last, last + half + this.stride)).filter(({ time }) => time <= last);
    }
    this.reset();
    return readings;
  }

  /** Feeds the frame on screen at all steps that come before a time. */
  async _feed(now, before) {
    const readings = [];
    while (this._start + this._count * this.stride < before) {
      const time = this._start + this._count * this.stride;
      const logits = await this.model.step(this._frame.frame);
      this._recent.push({ time, logits });
      if (this._recent.length > this._span) this._recent.shift();
      this._count += 1;
      readings.push({ time: (this._recent[0].time + time) / 2, now, logits: this._mean() });
    }
    return readings;
  }

  /** The mean of the logits of the steps that there were, at most the last n. */
  _mean() {
    const count = this._recent.length;
    const logits = Array.from(this._recent.at(-1).logits);
    if (this._inside > 1) return logits.map((value) => (value * this._inside) / count); // the others of its n are zeros
    return logits.map((_, index) => this._recent.reduce((sum, row) => sum + row.logits[index], 0) / count);
  }
}
