// Shows the progress of the training and its result.

import { takeCard } from "./takes.js";
import { makeElement } from "./slides.js";

const STEPS = {
  starting: "Starting …",
  reading: "Reading the takes …",
  training: "Training",
  evaluating: "Evaluating on the held-out takes …",
  converting: "Converting to an int8 file …",
  tuning: "Tuning the settings for live recognition …",
};
// Share of the bar at which a step begins; the epochs fill the bar up to the next one.
const BEGINS = { starting: 0, reading: 0.01, training: 0.04, evaluating: 0.86, converting: 0.88, tuning: 0.95 };

const WIDE = 0.1; // of an interval

const percent = (share) => `${Math.round(100 * share)} %`;

function duration(seconds) {
  return seconds < 90 ? `${Math.max(1, Math.round(seconds))} s` : `${Math.round(seconds / 60)} min`;
}

export class TrainingView {
  /** `handlers`: onDelete(label, name), onRecord(label, name). */
  constructor(elements, handlers) {
    this._elements = elements;
    this._handlers = handlers;
    this._shown = null;
  }

  showStatus(status) {
    const { startTraining, resumeTraining, stopTraining, training, progress, progressText, trainingError } = this._elements;
    const { phase, step } = status;
    startTraining.hidden = phase === "running";
    startTraining.textContent = phase === "none" ? "Train" : phase === "done" ? "Train again" : "Start anew";
    startTraining.classList.toggle("main", phase !== "stopped");
    resumeTraining.hidden = phase !== "stopped";
    stopTraining.hidden = phase !== "running";
    training.hidden = phase !== "running" && phase !== "stopped";
    trainingError.hidden = phase !== "failed";
    trainingError.textContent = phase === "failed" ? status.message : "";
    if (training.hidden) return;
    const share = step === "training" ? (0.82 * status.epoch) / status.epochs : 0;
    progress.value = (BEGINS[step] ?? 0) + share;
    const text =
      step === "training"
        ? `${STEPS.training}: epoch ${Math.min(status.epoch + 1, status.epochs)} of ${status.epochs}` +
          (status.seconds_left == null ? "" : `, about ${duration(status.seconds_left)} left`)
        : STEPS[step] ?? "Starting …";
    progressText.textContent = phase === "stopped" ? `Stopped. ${text.replace(/, about .*/, "")}` : text;
  }

  /** Shows a result; `gestures` are those of the state, which tell the takes that still exist. */
  showResult(result, gestures) {
    const { result: section, accuracy, split, confusion, misclassified, misclassifiedPart } = this._elements;
    section.hidden = !result;
    if (!result) return;
    const present = new Map(gestures.map(({ label, takes }) => [label, new Set(takes.map(({ name }) => name))]));
    const mistakes = result.misclassified.filter(({ label, name }) => present.get(label)?.has(name));
    const key = JSON.stringify([result.number, mistakes]);
    if (key === this._shown) return;
    this._shown = key;
    const [low, high] = result.interval;
    const { training_takes: trained, validation_takes: kept, by_session: bySession } = result.split;
    accuracy.textContent = `${percent(result.accuracy)} of the held-out takes are recognised correctly`;
    split.textContent =
      `95 % interval: ${percent(low)} to ${percent(high)}${high - low > WIDE ? ", wide because there are few takes" : ""}. ` +
      `The model was trained on ${trained} takes and evaluated on ${kept} others, ` +
      (bySession
        ? "of other recording sessions."
        : "of the same recording sessions. The accuracy may be lower in another room or with another person: record a second session to find out.");
    this._showConfusion(confusion, result);
    misclassifiedPart.hidden = !mistakes.length;
    misclassified.replaceChildren(
      ...mistakes.map(({ label, name, predicted, probability }) =>
        takeCard(label, { name }, [`${label}, recognised as ${predicted} (${percent(probability)})`], [
          ["Delete", `Delete this take of ${label}`, () => this._handlers.onDelete(label, name)],
          ["Record again", `Record this take of ${label} again`, () => this._handlers.onRecord(label, name)],
        ]),
      ),
    );
  }

  _showConfusion(table, { labels, confusion }) {
    table.replaceChildren();
    const head = table.createTHead().insertRow();
    head.append(makeElement("td", ""), ...labels.map((label) => header(label, "col")));
    const body = table.createTBody();
    confusion.forEach((counts, row) => {
      const line = body.insertRow();
      line.append(header(labels[row], "row"));
      counts.forEach((count, column) => {
        const kind = count === 0 ? "zero" : row === column ? "right" : "mistake";
        line.append(makeElement("td", String(count), kind));
      });
    });
  }
}

function header(text, scope) {
  const cell = makeElement("th", text);
  cell.scope = scope;
  return cell;
}
