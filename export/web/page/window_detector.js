// Detection of gesture events from windows of several lengths: keras_action/recognition/window_detector.py, line by line.

import { Detector } from "./detector.js";

const ROUNDING = 1e-6; // seconds

/** Of overlapping windows, the one with the highest score is the gesture. Each gesture fires once. */
export class WindowDetector extends Detector {
  reset() {
    super.reset();
    this._begin = Infinity; // the earliest time
    this._runs = []; // {index, first, last, isReported}: consecutive candidates of one label
    this._waiting = []; // candidates: {run, start, end, score, peak}
    this._reported = []; // candidates that a later one may overlap
  }

  /** The label of the gesture that will be reported next, or null. */
  get activeLabel() {
    const better = (best, item) => (best === null || item.score > best.score ? item : best);
    const best = this._waiting.reduce(better, null);
    return best === null ? null : this.labels[best.run.index];
  }

  /** Adds smoothed scores. Returns the events that fired. */
  step(smoothed) {
    let events = [];
    if (smoothed.now > this._now) {
      this._now = smoothed.now;
      if (this._waiting.length > 0) events = this._report(this._wait());
    }
    const last = this._record(smoothed) ?? smoothed;
    const { best, time, length } = smoothed;
    this._begin = Math.min(this._begin, time);
    if (this._exceedsOnThreshold(smoothed) && !this._ignored[best]) {
      const run = this._run(best, time, time - last.time);
      const candidate = { run, start: time - length / 2, end: time + length / 2, score: smoothed.scores[best], peak: time };
      if (!run.isReported && !this._overlaps(candidate, this._reported)) this._waiting.push(candidate);
    }
    return events;
  }

  /** Ends the stream, and resets the detector. Returns the events that fired. */
  flush() {
    const events = this._report(-Infinity);
    this.reset();
    return events;
  }

  _wait() {
    if (this.settings.firing === "early") return 0;
    if (this.settings.wait !== null) return this.settings.wait;
    const lengths = [...this._last.keys(), ...(this.settings.window_seconds ?? [])];
    return Math.max(...lengths) - Math.min(...lengths) + this.settings.smoothing;
  }

  /** The run that a candidate continues, or a new one. */
  _run(index, time, stride) {
    const gap = Math.max(this.settings.refractory, stride) + ROUNDING;
    const continues = (run) => run.index === index && run.first - gap <= time && time <= run.last + gap;
    let run = this._runs.findLast(continues);
    if (run === undefined) {
      run = { index, first: time, last: time, isReported: false };
      this._runs.push(run);
    }
    run.first = Math.min(run.first, time);
    run.last = Math.max(run.last, time);
    return run;
  }

  /** Whether a candidate is the same gesture as one of the others, or overlaps it. */
  _overlaps(candidate, others) {
    return others.some((other) => {
      if (candidate.run === other.run) return true;
      const common = Math.min(candidate.end, other.end) - Math.max(candidate.start, other.start);
      const shorter = Math.min(candidate.end - candidate.start, other.end - other.start);
      return common > this.settings.max_overlap * shorter;
    });
  }

  /** Returns the events of the candidates that ended more than `wait` seconds ago and win the competition. */
  _report(wait) {
    const due = new Set(this._waiting.filter((item) => item.end + wait < this._now));
    if (due.size === 0) return [];
    const kept = [];
    let remaining = due.size;
    for (const item of [...this._waiting].sort((a, b) => b.score - a.score)) {
      if (!this._overlaps(item, kept)) kept.push(item);
      if (due.has(item)) remaining -= 1;
      if (remaining === 0) break;
    }
    const winners = kept.filter((item) => due.has(item)).sort((a, b) => a.end - b.end);
    for (const item of winners) item.run.isReported = true;
    // A candidate that loses is dropped when it is due, although the one that it lost to may lose later.
    this._waiting = this._waiting.filter(
      (item) => !due.has(item) && !item.run.isReported && !this._overlaps(item, winners),
    );
    // No later window can reach further back than this.
    const { refractory, smoothing } = this.settings;
    const horizon = this._now - 2 * Math.max(...this._last.keys()) - refractory - smoothing;
    this._reported = [...this._reported.filter((item) => item.end > horizon), ...winners];
    this._runs = this._runs.filter((run) => run.last > horizon);
    return winners.map((item) => this._event(item));
  }

  _event({ run, start, end, score, peak }) {
    // The first frame is held before the start of the stream, and the last one after its end.
    const times = { start: Math.max(start, this._begin), end: Math.min(end, this._now), peak, fired: this._now };
    return { label: this.labels[run.index], score, ...times };
  }

  _checkLength(length) {
    if (!(length > 0 && length < Infinity)) {
      throw new RangeError(`\`length\` must be a positive number of seconds. Received: length=${length}`);
    }
  }
}
