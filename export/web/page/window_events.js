// Windows of several lengths become gesture events: keras_action/recognition/window_events.py, line by line.

import { Detector, Smoother } from "./events.js";

/** Of windows that overlap, the surest is the gesture; each gesture fires once. */
export class WindowDetector extends Detector {
  /** Forgets everything, as if nothing had been seen yet. */
  reset() {
    this._begin = null; // the first moment of the stream
    this._smoothers = new Map(); // by length
    this._moments = new Map(); // the last one of each length
    this._waiting = []; // candidates, none of which overlaps another
    this._reported = []; // those that what comes may still overlap
    this._until = new Map(); // the end of the last window that still showed a label that was reported, by its index
  }

  /** Of the last moments of all lengths, the one that is surest of a gesture; null before the first. */
  get moment() {
    const surest = ({ scores }) => Math.max(...scores.filter((_, index) => !this._ignored[index]));
    const better = (best, moment) => (best === null || surest(moment) > surest(best) ? moment : best);
    return [...this._moments.values()].reduce(better, null);
  }

  /** The label of the gesture that is about to be reported, or null. */
  get goingOn() {
    const better = (best, item) => (best === null || item.score > best.score ? item : best);
    const item = this._waiting.reduce(better, null);
    return item === null ? null : this.labels[item.index];
  }

  /** Takes the logits of one window, whose centre is at `timestamp`. Returns the events that fired with it. */
  push(logits, timestamp, now, length) {
    const probabilities = this._check(logits, timestamp, this._moments.get(length)?.timestamp ?? null);
    if (!this._smoothers.has(length)) {
      this._smoothers.set(length, new Smoother(this.settings.smoothing, this.settings.smoothing_kind));
    }
    return this.step(this._smoothers.get(length).push(probabilities, timestamp, now), length);
  }

  /** Takes a smoothed moment of windows of one length. Returns the events that fired. */
  step(moment, length) {
    const settings = this.settings;
    this._begin ??= moment.time;
    this._moments.set(length, moment);
    const events = this._report(moment.now, settings.firing === "early" ? 0 : settings.wait);
    const { best, time } = moment;
    const top = moment.scores[best];
    if (top >= settings.on_threshold && top - moment.second >= settings.margin && !this._ignored[best]) {
      const [start, end] = [time - length / 2, time + length / 2];
      this._compete({ index: best, start, end, score: top, peak: time, until: end });
    }
    return events;
  }

  /** Reports what waits, as at the end of a video. Returns the events that fired. */
  flush() {
    const events = this._report(Math.max(0, ...[...this._moments.values()].map(({ now }) => now)), -Infinity);
    this.reset();
    return events;
  }

  /** The candidate joins those that wait, in place of those that it overlaps, or is dropped. */
  _compete(candidate) {
    const until = this._until.get(candidate.index) ?? -Infinity;
    if (candidate.start < until + this.settings.refractory) {
      this._until.set(candidate.index, Math.max(until, candidate.end));
      return;
    }
    const rivals = this._waiting.filter((other) => this._overlap(candidate, other));
    for (const other of rivals) {
      if (other.index === candidate.index) candidate.until = other.until = Math.max(candidate.until, other.until);
    }
    const isFree = !this._reported.some((other) => this._overlap(candidate, other));
    if (isFree && rivals.every((other) => other.score < candidate.score)) {
      this._waiting = [...this._waiting.filter((other) => !rivals.includes(other)), candidate];
    }
  }

  _overlap(candidate, other) {
    if (candidate.index === other.index) return candidate.start < other.until + this.settings.refractory;
    const common = Math.min(candidate.end, other.end) - Math.max(candidate.start, other.start);
    const shorter = Math.min(candidate.end - candidate.start, other.end - other.start);
    return common > this.settings.max_overlap * shorter;
  }

  /** The events of the candidates that ended at least `wait` seconds ago. */
  _report(now, wait) {
    const due = this._waiting.filter((item) => item.end + wait <= now).sort((a, b) => a.end - b.end);
    if (due.length > 0) {
      this._waiting = this._waiting.filter((item) => !due.includes(item));
      // No window is longer ago than that.
      const horizon = now - 2 * Math.max(...this._moments.keys());
      this._reported = [...this._reported.filter((item) => item.end > horizon), ...due];
      for (const item of due) this._until.set(item.index, item.until);
    }
    return due.map((item) => this._event(item, now));
  }

  _event(item, now) {
    // Windows reach beyond both ends of the stream, where frames are held.
    const [start, end] = [Math.max(item.start, this._begin), Math.min(item.end, now)];
    return { label: this.labels[item.index], start, end, score: item.score, peak: item.peak, fired: now };
  }
}
