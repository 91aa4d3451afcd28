// The elements of the page: bars, events, figures, messages.

import { makeElement } from "./slides.js";

const BARS = 8; // of a model with more classes, the most probable are shown
const MAX_EVENTS = 200; // in the list

export class View {
  constructor(elements) {
    this._elements = elements;
    this._milliseconds = [];
    this._timestamps = [];
    this.count = 0; // of the run's events
  }

  setModel({ labels }) {
    this._labels = labels;
    this._bars = Array.from({ length: Math.min(labels.length, BARS) }, (_, place) => {
      const row = document.createElement("li");
      const label = makeElement("label", "", "label");
      const bar = document.createElement("progress");
      const value = makeElement("span", "", "value");
      bar.max = 1;
      bar.id = `bar${place}`;
      label.htmlFor = bar.id;
      row.append(label, bar, value);
      return { row, label, bar, value };
    });
    this._elements.bars.replaceChildren(...this._bars.map(({ row }) => row));
    this.clearScores();
  }

  /** Shows probabilities; with many classes, the largest ones, sorted. */
  setScores(scores, activeLabel) {
    let order = scores.map((_, index) => index);
    if (scores.length > BARS) order = order.sort((a, b) => scores[b] - scores[a]).slice(0, BARS);
    order.forEach((index, place) => {
      const { row, label, bar, value } = this._bars[place];
      label.textContent = this._labels[index];
      bar.value = Math.round(100 * scores[index]) / 100; // smaller values would be drawn as a line
      value.textContent = `${Math.round(100 * scores[index])} %`;
      row.classList.toggle("active", this._labels[index] === activeLabel);
    });
  }

  /** Shows no probabilities. */
  clearScores() {
    this.setScores(this._labels.map(() => 0), null);
  }

  /** Clears events and figures. */
  clear() {
    this._milliseconds = [];
    this._timestamps = [];
    this.count = 0;
    this._elements.events.replaceChildren();
    this._elements.noEvents.hidden = false;
    this._elements.badge.classList.remove("shown");
  }

  addEvent(event) {
    const { events, noEvents, badge, announcement } = this._elements;
    this.count += 1;
    const row = document.createElement("li");
    row.append(
      makeElement("span", event.label, "label"),
      makeElement("span", `${event.start.toFixed(1)} – ${event.end.toFixed(1)} s`, "time"),
      makeElement("span", `${Math.round(100 * event.score)} %`, "value"),
    );
    for (const name of ["label", "start", "end", "score", "fired"]) row.dataset[name] = event[name];
    events.prepend(row);
    while (events.children.length > MAX_EVENTS) events.lastChild.remove();
    noEvents.hidden = true;
    announcement.textContent = "";
    announcement.textContent = event.label;
    badge.textContent = event.label;
    badge.classList.remove("shown");
    void badge.offsetWidth; // restarts the animation
    badge.classList.add("shown");
  }

  /** Updates the run time of the model, the frame rate, and the share of dropped frames. */
  addResult({ milliseconds, runs }, source) {
    if (runs > 0) this._milliseconds.push(milliseconds / runs);
    if (this._milliseconds.length > 30) this._milliseconds.shift();
    const now = performance.now();
    this._timestamps.push([now, source.frames]);
    while (this._timestamps.length > 2 && this._timestamps[0][0] < now - 2000) this._timestamps.shift();
    const [[start, before], [end, after]] = [this._timestamps[0], this._timestamps.at(-1)];
    const { latency, rate, dropped } = this._elements;
    if (this._milliseconds.length) {
      const mean = this._milliseconds.reduce((sum, value) => sum + value, 0) / this._milliseconds.length;
      latency.textContent = `${mean < 10 ? mean.toFixed(1) : Math.round(mean)} ms`;
    }
    if (end > start) rate.textContent = `${Math.round((1000 * (after - before)) / (end - start))} /s`;
    dropped.textContent = source.frames ? `${Math.round((100 * source.dropped) / source.frames)} %` : "–";
  }

  /** Shows the state of the page in a sentence. */
  setStatus(text) {
    this._elements.status.textContent = text;
  }

  /** Shows an error; `action` is {text, run} for a button, or null. */
  showError(text, action = null) {
    const { error } = this._elements;
    error.replaceChildren(makeElement("p", text));
    if (action) {
      const button = makeElement("button", action.text);
      button.type = "button";
      button.addEventListener("click", action.run);
      error.append(button);
    }
    error.hidden = false;
  }

  hideError() {
    this._elements.error.hidden = true;
    this._elements.error.replaceChildren();
  }
}
