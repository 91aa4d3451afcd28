// The pipeline from frames to gesture events: keras_action/recognition/stream_pipeline.py.

/** Connects the parts of a recogniser. A gap longer than `maxGap` ends the stream and begins another. */
export class StreamPipeline {
  constructor(resize, predictor, detector, maxGap) {
    this.resize = resize;
    this.predictor = predictor;
    this.detector = detector;
    this.maxGap = maxGap;
    this.lastTimestamp = null;
  }

  /** Adds a frame; `slack` is added to `maxGap`. Returns the events that fired. */
  async push(frame, timestamp, isLive = false, slack = 0) {
    const events = [];
    if (this.lastTimestamp !== null && timestamp - this.lastTimestamp > this.maxGap + slack) {
      events.push(...(await this.flush()));
    }
    this.lastTimestamp = timestamp;
    return [...events, ...this._detect(await this.predictor.push(this.resize(frame), timestamp, isLive))];
  }

  /** Ends the stream. Returns the events that fired. */
  async flush() {
    this.lastTimestamp = null;
    return [...this._detect(await this.predictor.flush()), ...this.detector.flush()];
  }

  /** Forgets all frames and the current gesture. */
  reset() {
    this.lastTimestamp = null;
    this.predictor.reset();
    this.detector.reset();
  }

  _detect(predictions) {
    return predictions.flatMap(({ logits, time, now, length }) => this.detector.push(logits, time, now, length));
  }
}
