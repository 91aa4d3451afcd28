// Logits over time by a streaming model: keras_action/recognition/frame_steps.py, line by line.
// A prediction is {time, now, logits}. Models return promises, and so do the methods.

/** Runs a streaming model on one frame after the other, at the time step of its training. */
export class FrameSteps {
  /**
   * `model`: an object with `step(frame)`, a promise of the frame's logits, and `reset()`. If its
   * `averageOver` is above 1, the model itself averages over this number of frames, with zeros before the first.
   * `averageOver`: the number of steps over which the logits are averaged; 1 for the logits of each step.
   */
  constructor(model, stride, averageOver = 1) {
    this.model = model;
    this.stride = stride;
    this._isAveraged = (model.averageOver ?? 1) > 1; // by the model
    this.averageOver = this._isAveraged ? model.averageOver : averageOver;
    this.reset();
  }

  /** Forgets all frames. */
  reset() {
    this.model.reset();
    this._recent = []; // {time, logits} of the last steps
    this._frame = null; // the current {timestamp, frame}
    this._start = null;
    this._count = 0; // of steps since the start
  }

  /** Adds a frame. Returns the new predictions. */
  async push(frame, timestamp, isLive = false) {
    let predictions = [];
    if (this._frame === null) {
      this._start = timestamp;
    } else {
      if (isLive) this._count = Math.max(this._count, Math.ceil((timestamp - this._start) / this.stride) - 1);
      // The frame before this one was the current one until now.
      predictions = await this._predict(timestamp, timestamp);
    }
    this._frame = { timestamp, frame };
    return predictions;
  }

  /** Ends the stream. Returns the predictions up to its last frame. */
  async flush() {
    let predictions = [];
    if (this._frame !== null) {
      const last = this._frame.timestamp;
      const until = last + ((this.averageOver - 1) / 2) * this.stride + this.stride;
      predictions = (await this._predict(last, until)).filter(({ time }) => time <= last);
    }
    this.reset();
    return predictions;
  }

  /** Runs the model on the current frame for all steps before a time. */
  async _predict(now, until) {
    const predictions = [];
    while (this._start + this._count * this.stride < until) {
      const time = this._start + this._count * this.stride;
      const logits = await this.model.step(this._frame.frame);
      this._recent.push({ time, logits });
      if (this._recent.length > this.averageOver) this._recent.shift();
      this._count += 1;
      predictions.push({ time: (this._recent[0].time + time) / 2, now, logits: this._mean() });
    }
    return predictions;
  }

  /** The mean of the logits over the last steps. */
  _mean() {
    const count = this._recent.length;
    const logits = Array.from(this._recent.at(-1).logits);
    if (this._isAveraged) return logits.map((value) => value * (this.averageOver / count)); // the model averages zeros too
    return logits.map((_, index) => this._recent.reduce((sum, row) => sum + row.logits[index], 0) / count);
  }
}
