// Smoothing of probabilities over time: keras_action/recognition/smoothing.py. All times are in seconds.

/** Smooths probabilities over time, by a mean of the last `seconds` or exponentially. */
export class Smoother {
  constructor(seconds, kind = "mean") {
    this.seconds = seconds;
    this.kind = kind;
    this._recent = []; // {timestamp, probabilities} of the last `seconds`, for the mean
    this._smoothed = null; // {timestamp, time, scores}, for the exponential
  }

  /** Adds probabilities. Returns the smoothed scores. */
  push(probabilities, timestamp, now, length = null) {
    const smooth = this.kind === "exponential" ? this._exponential : this._mean;
    const { time, scores } = smooth.call(this, probabilities, timestamp);
    const best = scores.indexOf(Math.max(...scores));
    const second = scores.length > 1 ? Math.max(...scores.filter((_, index) => index !== best)) : 0;
    return { timestamp, time, now, scores, best, second, length };
  }

  _exponential(probabilities, timestamp) {
    let time = timestamp;
    let scores = probabilities;
    if (this._smoothed !== null && this.seconds > 0) {
      const last = this._smoothed;
      const weight = 1 - Math.exp((last.timestamp - timestamp) / this.seconds);
      time = last.time + weight * (timestamp - last.time);
      scores = last.scores.map((score, index) => score + weight * (probabilities[index] - score));
    }
    this._smoothed = { timestamp, time, scores };
    return { time, scores };
  }

  _mean(probabilities, timestamp) {
    this._recent.push({ timestamp, probabilities });
    while (this._recent[0].timestamp < timestamp - this.seconds) this._recent.shift();
    const count = this._recent.length;
    const sum = (values) => values.reduce((total, value) => total + value, 0);
    return {
      time: sum(this._recent.map((row) => row.timestamp)) / count,
      scores: probabilities.map((_, index) => sum(this._recent.map((row) => row.probabilities[index])) / count),
    };
  }
}

/** Probabilities of logits. */
export function softmax(logits) {
  const top = Math.max(...logits);
  const exponentials = Array.from(logits, (logit) => Math.exp(logit - top));
  const total = exponentials.reduce((sum, value) => sum + value, 0);
  return exponentials.map((value) => value / total);
}
