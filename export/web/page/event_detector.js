// Detection of gesture events from logits over time: keras_action/recognition/event_detector.py, line by line.

import { Detector } from "./detector.js";

const IDLE = "idle"; // {kind, ready}: no gesture; none can begin before `ready`
const ACTIVE = "active"; // {kind, index, start, score, peak, hasFired}: a gesture that has begun
const ENDED = "ended"; // {kind, gesture, end}: it is resumed if its label returns within `merge_gap`

/** Detects gesture events from the logits of a streaming model, or of windows of one length. Each gesture fires once. */
export class EventDetector extends Detector {
  reset() {
    super.reset();
    this._candidate = null; // {index, since} of the label above `on_threshold`
    this._state = { kind: IDLE, ready: -Infinity };
  }

  /** The label of the current gesture, or null. */
  get activeLabel() {
    return this._state.kind === ACTIVE ? this.labels[this._state.index] : null;
  }

  /** Adds smoothed scores. Returns the events that fired. */
  step(smoothed) {
    const last = this._record(smoothed);
    this._candidate = this._nextCandidate(smoothed, last);
    let state = this._state;
    let events = [];
    if (state.kind === ACTIVE) state = this._end(state, smoothed, last);
    else if (state.kind === ENDED) state = this._resume(state);
    if (state.kind === ENDED && smoothed.time - state.end >= this.settings.merge_gap) {
      [state, events] = this._finish(state);
    }
    if (state.kind === IDLE) state = this._begin(state, smoothed);
    if (state.kind === ACTIVE) {
      let fired;
      [state, fired] = this._update(state, smoothed);
      events = [...events, ...fired];
    }
    this._state = state;
    return events;
  }

  /** Ends the stream, and resets the detector. Returns the events that fired. */
  flush() {
    let state = this._state;
    let events = [];
    if (state.kind === ACTIVE) state = { kind: ENDED, gesture: state, end: this.smoothed.timestamp };
    if (state.kind === ENDED) [, events] = this._finish(state);
    this.reset();
    return events;
  }

  /** The label that can begin now. */
  _nextCandidate(smoothed, last) {
    if (!this._exceedsOnThreshold(smoothed)) return null;
    if (this._candidate?.index === smoothed.best) return this._candidate;
    return { index: smoothed.best, since: crossing(smoothed.best, this.settings.on_threshold, last, smoothed) };
  }

  /** Active → ended, if the label falls below `off_threshold` or another one takes over. */
  _end(gesture, smoothed, last) {
    const isReplaced = this._candidate !== null && this._candidate.index !== gesture.index;
    if (smoothed.scores[gesture.index] >= this.settings.off_threshold && !isReplaced) return gesture;
    return { kind: ENDED, gesture, end: crossing(gesture.index, this.settings.off_threshold, last, smoothed) };
  }

  /** Ended → active, if the label has returned within `merge_gap`. */
  _resume(ended) {
    const candidate = this._candidate;
    const hasReturned =
      candidate !== null &&
      candidate.index === ended.gesture.index &&
      candidate.since - ended.end <= this.settings.merge_gap;
    return hasReturned ? ended.gesture : ended;
  }

  /** Ended → idle. Returns the new state, and the event unless it has fired or the gesture is too short. */
  _finish({ gesture, end }) {
    if (!gesture.hasFired && end - gesture.start < this.settings.min_duration) {
      return [{ kind: IDLE, ready: -Infinity }, []];
    }
    const events = gesture.hasFired ? [] : [this._event(gesture, end)];
    return [{ kind: IDLE, ready: end + this.settings.refractory }, events];
  }

  /** Idle → active, if there is a candidate and the refractory time has passed. */
  _begin(idle, smoothed) {
    const candidate = this._candidate;
    if (candidate === null || this._ignored[candidate.index] || smoothed.time < idle.ready) return idle;
    const start = Math.max(candidate.since, idle.ready);
    const score = smoothed.scores[candidate.index];
    return { kind: ACTIVE, index: candidate.index, start, score, peak: smoothed.time, hasFired: false };
  }

  /** Updates the peak of an active gesture. Returns it, and its event if it fires early. */
  _update(gesture, smoothed) {
    const score = smoothed.scores[gesture.index];
    if (score > gesture.score) gesture = { ...gesture, score, peak: smoothed.time };
    const isCertain = smoothed.time - gesture.start >= this.settings.min_duration;
    if (this.settings.firing === "early" && !gesture.hasFired && isCertain) {
      return [{ ...gesture, hasFired: true }, [this._event(gesture, smoothed.time)]];
    }
    return [gesture, []];
  }

  _event({ index, start, score, peak }, end) {
    return { label: this.labels[index], start, end, score, peak, fired: this._now };
  }

  _checkLength(length) {
    if (this._last.size > 0 && !this._last.has(length)) {
      throw new RangeError(`Windows of several lengths need a WindowDetector. Received: length=${length}`);
    }
  }
}

/** The time between the last scores and these at which the score of a label crossed the threshold. */
function crossing(index, threshold, last, smoothed) {
  if (last === null) return smoothed.time;
  const before = last.scores[index];
  const after = smoothed.scores[index];
  // Not crossed: another label took over, or the margin decided.
  if (before >= threshold === after >= threshold) return smoothed.time;
  return last.time + ((smoothed.time - last.time) * (threshold - before)) / (after - before);
}
