// Logits over time become gesture events: keras_action/recognition/events.py, line by line.
// Settings have the names of `EventSettings`; all times are in seconds.

/** Smooths probabilities over time, by a mean of the last `seconds` or exponentially. */
export class Smoother {
  constructor(seconds, kind = "mean") {
    this.seconds = seconds;
    this.kind = kind;
    this._recent = []; // {timestamp, probabilities} of the last `seconds`, for the mean
    this._smoothed = null; // {timestamp, time, scores}, for the exponential
  }

  /** Takes the probabilities of one moment. Returns the smoothed moment. */
  push(probabilities, timestamp, now) {
    const { time, scores } = this._smooth(probabilities, timestamp);
    const best = scores.indexOf(Math.max(...scores));
    const second = scores.length > 1 ? Math.max(...scores.filter((_, index) => index !== best)) : 0;
    return { timestamp, time, now, scores, best, second };
  }

  _smooth(probabilities, timestamp) {
    if (this.kind === "exponential") {
      let time = timestamp;
      let scores = probabilities;
      if (this._smoothed !== null && this.seconds > 0) {
        const last = this._smoothed;
        const share = 1 - Math.exp((last.timestamp - timestamp) / this.seconds);
        time = last.time + share * (timestamp - last.time);
        scores = last.scores.map((score, index) => score + share * (probabilities[index] - score));
      }
      this._smoothed = { timestamp, time, scores };
      return { time, scores };
    }
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

/** What all detectors share. */
export class Detector {
  constructor(labels, settings) {
    this.labels = labels;
    this.settings = settings;
    const ignored = new Set(settings.ignore.map((label) => label.toLowerCase()));
    this._ignored = labels.map((label) => ignored.has(label.toLowerCase()));
    this.reset();
  }

  /** The probabilities, if the logits and the timestamp, which must be after the last one, are as they should be. */
  _check(logits, timestamp, last) {
    if (logits.length !== this.labels.length || !Array.from(logits).every(Number.isFinite)) {
      throw new RangeError(`Expected ${this.labels.length} finite logits. Received: ${Array.from(logits)}`);
    }
    if (!Number.isFinite(timestamp) || (last !== null && timestamp <= last)) {
      throw new RangeError(`Timestamps must be finite and go up. Received: timestamp=${timestamp}`);
    }
    return softmax(logits);
  }
}

/** Turns a model's logits into gesture events, each of which fires once. */
export class EventDetector extends Detector {
  /** Forgets everything, as if nothing had been seen yet. */
  reset() {
    this._smoother = new Smoother(this.settings.smoothing, this.settings.smoothing_kind);
    this._last = null; // the last moment
    this._candidate = null; // {index, since} of the label that could begin now
    this._gesture = null;
    this._blockedUntil = -Infinity;
  }

  /** The last smoothed moment, or null. */
  get moment() {
    return this._last;
  }

  /** The label of the gesture that is going on, or null. */
  get goingOn() {
    const gesture = this._gesture;
    return gesture === null || gesture.end !== null ? null : this.labels[gesture.index];
  }

  /** Takes the logits of one moment. Returns the events that fired with it. */
  push(logits, timestamp, now = timestamp) {
    const probabilities = this._check(logits, timestamp, this._last?.timestamp ?? null);
    return this.step(this._smoother.push(probabilities, timestamp, now));
  }

  /** Takes a smoothed moment. Returns the events that fired. */
  step(moment) {
    const settings = this.settings;
    const last = this._last;
    let gesture = this._gesture;
    this._last = moment;
    const { time, best } = moment;
    const top = moment.scores[best];
    const couldBegin = top >= settings.on_threshold && top - moment.second >= settings.margin;
    if (!couldBegin) {
      this._candidate = null;
    } else if (this._candidate === null || this._candidate.index !== best) {
      this._candidate = { index: best, since: crossing(best, settings.on_threshold, last, moment) };
    }

    if (gesture !== null && gesture.end === null) {
      const replaced = couldBegin && best !== gesture.index;
      if (moment.scores[gesture.index] < settings.off_threshold || replaced) {
        gesture.end = crossing(gesture.index, settings.off_threshold, last, moment);
      }
    } else if (gesture !== null && couldBegin && best === gesture.index && this._isBack(gesture)) {
      gesture.end = null;
    }
    const events = [];
    if (gesture !== null && gesture.end !== null && time - gesture.end >= settings.merge_gap) {
      events.push(...this._finish());
    }
    if (this._gesture === null && couldBegin && !this._ignored[best] && time >= this._blockedUntil) {
      const start = Math.max(this._candidate.since, this._blockedUntil);
      this._gesture = { index: best, start, score: top, peak: time, end: null, hasFired: false };
    }
    gesture = this._gesture;
    if (gesture !== null && gesture.end === null) {
      if (moment.scores[gesture.index] > gesture.score) {
        gesture.score = moment.scores[gesture.index];
        gesture.peak = time;
      }
      if (settings.firing === "early" && !gesture.hasFired && time - gesture.start >= settings.min_duration) {
        gesture.hasFired = true;
        events.push(this._event(gesture, time));
      }
    }
    return events;
  }

  /** Ends the gesture that is going on, as at the end of a video. Returns the events that fired. */
  flush() {
    let events = [];
    if (this._gesture !== null) {
      if (this._gesture.end === null) this._gesture.end = this._last.timestamp;
      events = this._finish();
    }
    this.reset();
    return events;
  }

  /** Whether the label that could begin now, the gesture's own, came back in time to be the same gesture. */
  _isBack(gesture) {
    return this._candidate.since - gesture.end <= this.settings.merge_gap;
  }

  /** The gesture is over. Returns its event, unless it has fired or was too short. */
  _finish() {
    const gesture = this._gesture;
    this._gesture = null;
    if (!gesture.hasFired && gesture.end - gesture.start < this.settings.min_duration) return [];
    this._blockedUntil = gesture.end + this.settings.refractory;
    return gesture.hasFired ? [] : [this._event(gesture, gesture.end)];
  }

  _event(gesture, end) {
    const { start, score, peak } = gesture;
    return { label: this.labels[gesture.index], start, end, score, peak, fired: this._last.now };
  }
}

/** Probabilities of logits. */
export function softmax(logits) {
  const top = Math.max(...logits);
  const exponentials = Array.from(logits, (logit) => Math.exp(logit - top));
  const total = exponentials.reduce((sum, value) => sum + value, 0);
  return exponentials.map((value) => value / total);
}

/** The time between the last moment and this one at which a label's score crossed the threshold. */
function crossing(index, threshold, last, moment) {
  if (last === null) return moment.time;
  const before = last.scores[index];
  const after = moment.scores[index];
  // It did not cross: another label took over, or the margin decided.
  if (before >= threshold === after >= threshold) return moment.time;
  return last.time + ((moment.time - last.time) * (threshold - before)) / (after - before);
}
