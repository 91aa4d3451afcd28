// Windows of several lengths become gesture events: keras_action/recognition/window_events.py, line by line.

import { Detector, Smoother } from "./events.js";

const ROUNDING = 1e-6; // seconds

/** Of windows that overlap, the surest is the gesture; each gesture fires once. */
export class WindowDetector extends Detector {
  /** Forgets everything, as if nothing had been seen yet. */
  reset() {
    this._now = -Infinity;
    this._smoothers = new Map(); // by length
    this._moments = new Map(); // the last one of each length
    this._begin = Infinity; // the earliest moment
    this._runs = []; // {index, first, last, isReported}: candidates of one label whose centres follow one another
    this._waiting = []; // candidates: {run, start, end, score, peak}
    this._reported = []; // candidates that what comes may still overlap
  }

  /** Of the last moments of all lengths, the one that is surest of a gesture; null before the first. */
  get moment() {
    const surest = ({ scores }) => Math.max(0, ...scores.filter((_, index) => !this._ignored[index]));
    const better = (best, moment) => (best === null || surest(moment) > surest(best) ? moment : best);
    return [...this._moments.values()].reduce(better, null);
  }

  /** The label of the gesture that is about to be reported, or null. */
  get goingOn() {
    const better = (best, item) => (best === null || item.score > best.score ? item : best);
    const surest = this._waiting.reduce(better, null);
    return surest === null ? null : this.labels[surest.run.index];
  }

  /** Takes the logits of one window, whose centre is at `timestamp`. Returns the events that fired with it. */
  push(logits, timestamp, now, length) {
    if (!(length > 0 && length < Infinity)) {
      throw new RangeError(`The length must be a positive number of seconds. Received: length=${length}`);
    }
    const probabilities = this._check(logits, timestamp, this._moments.get(length)?.timestamp ?? null);
    if (!(Number.isFinite(now) && now >= this._now)) {
      throw new RangeError(`\`now\` must be finite and not go down. Received: now=${now}`);
    }
    if (!this._smoothers.has(length)) {
      this._smoothers.set(length, new Smoother(this.settings.smoothing, this.settings.smoothing_kind));
    }
    return this.step(this._smoothers.get(length).push(probabilities, timestamp, now), length);
  }

  /** Takes a smoothed moment of windows of one length. Returns the events that fired. */
  step(moment, length) {
    const settings = this.settings;
    let events = [];
    if (moment.now > this._now) {
      this._now = moment.now;
      if (this._waiting.length > 0) events = this._report(this._wait());
    }
    const last = this._moments.get(length) ?? moment;
    this._moments.set(length, moment);
    this._begin = Math.min(this._begin, moment.time);
    const { best, time } = moment;
    const top = moment.scores[best];
    if (top >= settings.on_threshold && top - moment.second >= settings.margin && !this._ignored[best]) {
      const run = this._run(best, time, time - last.time);
      this._waitForOthers({ run, start: time - length / 2, end: time + length / 2, score: top, peak: time });
    }
    return events;
  }

  /** Reports what waits, as at the end of a video. Returns the events that fired. */
  flush() {
    const events = this._report(-Infinity);
    this.reset();
    return events;
  }

  _wait() {
    if (this.settings.firing === "early") return 0;
    if (this.settings.wait !== null) return this.settings.wait;
    const lengths = [...this._moments.keys(), ...(this.settings.window_seconds ?? [])];
    return Math.max(...lengths) - Math.min(...lengths) + this.settings.smoothing;
  }

  /** The run that a candidate goes on with, or a new one. */
  _run(index, time, stride) {
    const gap = Math.max(this.settings.refractory, stride) + ROUNDING;
    const goesOn = (run) => run.index === index && run.first - gap <= time && time <= run.last + gap;
    let run = this._runs.findLast(goesOn);
    if (run === undefined) {
      run = { index, first: time, last: time, isReported: false };
      this._runs.push(run);
    }
    run.first = Math.min(run.first, time);
    run.last = Math.max(run.last, time);
    return run;
  }

  _waitForOthers(candidate) {
    if (!candidate.run.isReported && !this._isOverlapped(candidate, this._reported)) this._waiting.push(candidate);
  }

  _isOverlapped(candidate, others) {
    return others.some((other) => {
      if (candidate.run === other.run) return true;
      const common = Math.min(candidate.end, other.end) - Math.max(candidate.start, other.start);
      const shorter = Math.min(candidate.end - candidate.start, other.end - other.start);
      return common > this.settings.max_overlap * shorter;
    });
  }

  /** The events of the candidates that ended more than `wait` seconds ago, and that no surer one overlaps. */
  _report(wait) {
    const due = new Set(this._waiting.filter((item) => item.end + wait < this._now));
    if (due.size === 0) return [];
    const surest = [];
    let count = due.size;
    for (const item of [...this._waiting].sort((a, b) => b.score - a.score)) {
      if (!this._isOverlapped(item, surest)) surest.push(item);
      if (due.has(item)) count -= 1;
      if (count === 0) break;
    }
    const winners = surest.filter((item) => due.has(item)).sort((a, b) => a.end - b.end);
    for (const item of winners) item.run.isReported = true;
    // A loser is dropped when its time has come, though the one that it lost to may still lose too.
    this._waiting = this._waiting.filter(
      (item) => !due.has(item) && !item.run.isReported && !this._isOverlapped(item, winners),
    );
    // No window is longer ago, and no smoothed one much longer.
    const { refractory, smoothing } = this.settings;
    const horizon = this._now - 2 * Math.max(...this._moments.keys()) - refractory - smoothing;
    this._reported = [...this._reported.filter((item) => item.end > horizon), ...winners];
    this._runs = this._runs.filter((run) => run.last > horizon);
    return winners.map((item) => this._event(item));
  }

  _event({ run, start, end, score, peak }) {
    // Before the stream's start its first frame is held, and after its end the last one.
    const times = { start: Math.max(start, this._begin), end: Math.min(end, this._now), peak, fired: this._now };
    return { label: this.labels[run.index], score, ...times };
  }
}
