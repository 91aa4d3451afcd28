// The page: gestures and their takes, the training, and the page of `keras-action serve` to try the model.

import * as api from "./api.js";
import { Outbox } from "./outbox.js";
import { canRecord, recordLong, recordTakes } from "./recorder.js";
import { makeElement } from "./slides.js";
import { explainCamera, listCameras, openCamera } from "./source.js";
import { showTakes, takeCard } from "./takes.js";
import { TrainingView } from "./training_view.js";

const BACKGROUND = "none";
const GOOD_COUNT = 10; // takes of a gesture
const POLL_MILLISECONDS = 1000;
const ADVICE = {
  [BACKGROUND]:
    "“none” is everything else: hands at rest, hands that enter and leave, an empty picture. " +
    "Without it, an empty room would be recognised as a gesture.",
  gesture: "Make the gesture once in each take, from just before it begins to just after it ends. Change place and speed.",
};

const elements = Object.fromEntries([...document.querySelectorAll("[id]")].map((element) => [element.id, element]));
let state = null;
let session = null; // name of the recording session of the next take
let chosen = null; // name of the chosen gesture
let camera = null; // its stream
let recording = null; // AbortController of the recording that runs

const setStatus = (text) => (elements.status.textContent = text);

function showError(error) {
  elements.error.replaceChildren(makeElement("p", error.message ?? String(error)));
  const button = makeElement("button", "Close");
  button.type = "button";
  button.addEventListener("click", hideError);
  elements.error.append(button);
  elements.error.hidden = false;
}

function hideError() {
  elements.error.hidden = true;
  elements.error.replaceChildren();
}

/** Runs an action of the user, and shows its error. */
async function attempt(action) {
  hideError();
  try {
    return await action();
  } catch (error) {
    if (error instanceof api.OfflineError) showOffline(true);
    else showError(error);
    return undefined;
  } finally {
    await refresh().catch(() => {});
  }
}

// === State ===

async function refresh() {
  state = await api.getState();
  showOffline(false);
  // The server knows a session by its takes: while the first one waits to be sent, it would begin another.
  if (session === null || !outbox.waiting) ({ session } = state);
  const labels = state.gestures.map(({ label }) => label);
  if (!labels.includes(chosen)) chosen = labels.find((label) => label !== BACKGROUND) ?? labels[0] ?? null;
  elements.name.textContent = state.name;
  elements.name.title = state.folder;
  document.title = `${state.name} – studio`;
  showGestures();
  showChosen();
  showTraining();
  if (document.body.dataset.state === "loading") document.body.dataset.state = "ready";
}

function showGestures() {
  const focused = document.activeElement?.name === "gesture" ? document.activeElement.value : null;
  const rows = state.gestures.map(({ label, takes }) => {
    const row = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type: "radio", name: "gesture", value: label });
    input.checked = label === chosen;
    input.addEventListener("change", () => choose(label));
    const count = makeElement("span", `${takes.length} take${takes.length === 1 ? "" : "s"}`, "quiet");
    row.append(input, makeElement("span", label, "label"), count);
    return row;
  });
  elements.gestures.replaceChildren(elements.gestures.querySelector("legend"), ...rows);
  if (focused !== null) elements.gestures.querySelector("input:checked")?.focus();
}

function choose(label) {
  chosen = label;
  showGestures();
  showChosen();
}

function showChosen() {
  const takes = state.gestures.find(({ label }) => label === chosen)?.takes ?? [];
  elements.takesTitle.textContent = chosen === null ? "Takes" : `Takes of ${chosen}`;
  elements.advice.textContent = ADVICE[chosen === BACKGROUND ? BACKGROUND : "gesture"];
  elements.noTakes.hidden = takes.length > 0;
  elements.undo.disabled = elements.undoResult.disabled = !state.canUndo;
  const label = chosen;
  showTakes(elements.takes, label, takes, (take) =>
    takeCard(label, take, [], [["Delete", `Delete ${take.name} of ${label}`, () => removeTake(label, take.name)]]),
  );
  showControls();
}

function showControls() {
  const isRecording = recording !== null;
  elements.start.disabled = isRecording || chosen === null;
  elements.stop.disabled = !isRecording;
  elements.long.disabled = isRecording || state.gestures.every(({ label }) => label === BACKGROUND);
  // A take that is on its way needs its gesture.
  const isFixed = isRecording || outbox.waiting > 0 || chosen === null || chosen === BACKGROUND;
  for (const name of ["rename", "remove"]) elements[name].disabled = isFixed;
  elements.stage.classList.toggle("empty", camera === null);
}

// === Gestures and takes ===

elements.add.addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    const { label } = await api.addGesture(elements.newLabel.value);
    elements.newLabel.value = "";
    chosen = label;
    setStatus(`Added ${label}. Press Record.`);
  });
});

elements.rename.addEventListener("click", () => {
  elements.renamed.value = chosen;
  elements.renameDialog.showModal();
  elements.renamed.select();
});
elements.renameCancel.addEventListener("click", () => elements.renameDialog.close());
elements.renameForm.addEventListener("submit", () => {
  const [old, renamed] = [chosen, elements.renamed.value];
  attempt(async () => {
    chosen = (await api.renameGesture(old, renamed)).label;
    setStatus(`Renamed ${old} to ${chosen}.`);
  });
});

elements.remove.addEventListener("click", () => {
  const label = chosen;
  attempt(async () => {
    await api.removeGesture(label);
    setStatus(`Removed ${label} with its takes. Undo restores it.`);
  });
});

function removeTake(label, name) {
  return attempt(async () => {
    await api.deleteTake(label, name);
    setStatus(`Deleted ${name}. Undo restores it.`);
    elements.undo.focus();
  });
}

/** Runs `undo`. Returns what to say about it. */
async function undo() {
  const { label } = await api.undo();
  if (label !== null) chosen = label;
  return label === null ? "There is nothing to undo." : `Restored: ${label}.`;
}

elements.undo.addEventListener("click", () => attempt(async () => setStatus(await undo())));

/** Shows whether the server can be reached, and how many recordings are waiting. */
function showOffline(isOffline) {
  const { waiting } = outbox;
  document.body.dataset.waiting = waiting;
  const wait = waiting ? ` ${waiting} recording${waiting === 1 ? " waits" : "s wait"} in this page: leave it open.` : "";
  const text = `The studio's server can't be reached. Start keras-action studio again with the same folder.${wait}`;
  if (isOffline && elements.offline.textContent !== text) elements.offline.textContent = text;
  elements.offline.hidden = !isOffline;
}

const outbox = new Outbox({
  onChange() {
    showOffline(!elements.offline.hidden);
    showControls();
  },
  onOffline: () => showOffline(true),
  async onSent(item) {
    if (recording === null) setStatus(item.done);
    await refresh();
  },
  onRefused: (item, error) => showError(new Error(`${item.what}: ${error.message}`)),
});

function sendTake(label, blob, suffix, what) {
  const name = session;
  outbox.add({ send: () => api.sendTake(label, blob, name, suffix), what, done: `Saved a take of ${label}.` });
}

function sendFiles(label, files) {
  for (const file of files) {
    const suffix = file.name.includes(".") ? file.name.slice(file.name.lastIndexOf(".")) : "";
    sendTake(label, file, suffix, file.name);
  }
}

elements.openFiles.addEventListener("click", () => elements.files.click());
elements.files.addEventListener("change", () => {
  sendFiles(chosen, elements.files.files);
  elements.files.value = "";
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault(); // or the browser would leave the page for the file
    // Onto a gesture of the list, or else anywhere for the chosen one.
    const row = event.target.closest?.("#gestures label") ?? null;
    const isOver = kind === "dragover";
    elements.drop.classList.toggle("over", isOver && row === null);
    for (const other of elements.gestures.querySelectorAll("label")) other.classList.toggle("over", isOver && other === row);
    if (kind !== "drop" || elements.record.hidden || chosen === null) return;
    if (row !== null) choose(row.querySelector("input").value);
    sendFiles(chosen, event.dataTransfer.files);
  });
}
addEventListener("beforeunload", (event) => {
  if (outbox.waiting) event.preventDefault();
});

// === Recording ===

async function startCamera() {
  setStatus("Waiting for the camera …");
  camera = await openCamera(elements.cameraChoice.value);
  const [track] = camera.getVideoTracks();
  track.addEventListener("ended", () => {
    recording?.abort(new Error("The camera was disconnected. Connect it, then press Record again."));
    stopCamera();
    setStatus("The camera was disconnected.");
  });
  elements.video.srcObject = camera;
  await elements.video.play();
  const cameras = await listCameras();
  elements.cameraChoice.replaceChildren(
    ...cameras.map(({ label, deviceId }, index) => new Option(label || `Camera ${index + 1}`, deviceId)),
  );
  elements.cameraChoice.value = track.getSettings().deviceId;
  elements.cameraField.hidden = cameras.length < 2;
  showControls();
}

function stopCamera() {
  for (const track of camera?.getTracks() ?? []) track.stop();
  camera = null;
  elements.video.srcObject = null;
  showControls();
}

/** Runs a recording, `run(signal)`, with the camera on. */
async function record(run) {
  if (recording !== null) return;
  hideError();
  recording = new AbortController();
  showControls();
  elements.stop.focus();
  try {
    if (!canRecord()) throw new Error("This browser can't record video. Add video files instead.");
    if (camera === null) await startCamera();
    recording.signal.throwIfAborted();
    setStatus(await run(recording.signal));
  } catch (error) {
    if (error.name === "AbortError") {
      setStatus("Stopped.");
    } else {
      setStatus("Not recorded.");
      showError(new Error(explainCamera(error) ?? error.message));
    }
  }
  recording = null;
  document.body.dataset.recording = "";
  showControls();
  elements.start.focus({ preventScroll: true });
}

function showRecording(kind, text, place = "") {
  document.body.dataset.recording = kind;
  elements.cue.textContent = kind === "long" && text !== "rest" ? `now: ${text}` : text;
  const said = { countdown: `Starts in ${text}`, recording: `Recording ${text}`, pause: `Next: ${text}` };
  if (kind === "countdown" && text !== "3") return; // a screen reader need not count down
  setStatus(said[kind] ?? `Now: ${text}${place && ` (${place})`}`);
}

const number = (input) => Math.min(Math.max(Number(input.value) || Number(input.min), Number(input.min)), Number(input.max));

function recordChosen() {
  const label = chosen;
  const options = { count: number(elements.count), seconds: number(elements.seconds), pause: number(elements.pause) };
  return record(async (signal) => {
    await recordTakes(
      camera,
      options,
      { onState: showRecording, onTake: ({ blob, suffix }, place) => sendTake(label, blob, suffix, `Take ${place}`) },
      signal,
    );
    return `Recorded ${options.count} take${options.count === 1 ? "" : "s"} of ${label}.`;
  });
}

elements.start.addEventListener("click", recordChosen);
elements.stop.addEventListener("click", () => recording?.abort());
elements.long.addEventListener("click", () =>
  record(async (signal) => {
    const labels = state.gestures.map(({ label }) => label).filter((label) => label !== BACKGROUND);
    const { blob, suffix, truth } = await recordLong(
      camera,
      labels,
      number(elements.seconds) + 0.5,
      { onState: showRecording },
      signal,
    );
    if (!truth.length) return "Stopped before the first gesture: nothing was recorded.";
    const done = `Saved a long take of ${truth.length} gestures, with its ground truth.`;
    const name = session;
    outbox.add({ send: () => api.sendStream(blob, truth, name, suffix), what: "The long take", done });
    return `Recorded a long take of ${truth.length} gestures.`;
  }),
);
elements.cameraChoice.addEventListener("change", () =>
  attempt(async () => {
    stopCamera();
    await startCamera().catch((error) => {
      throw new Error(explainCamera(error) ?? error.message);
    });
    setStatus("Ready.");
  }),
);

addEventListener("keydown", (event) => {
  if (elements.record.hidden || document.querySelector("dialog[open]") || event.repeat) return;
  if (event.key === "Escape" && recording !== null) {
    event.preventDefault();
    recording.abort();
  }
  // Elsewhere the space bar presses the focused button or types a space.
  const isFree = event.target.matches("body, h2, input[type=radio], video, main");
  if (event.key === " " && isFree && recording === null && chosen !== null) {
    event.preventDefault();
    recordChosen();
  }
});

// === Training ===

const setResultStatus = (text) => {
  elements.resultStatus.textContent = text;
  elements.undoPart.hidden = false;
};

const trainingView = new TrainingView(elements, {
  onDelete: (label, name) =>
    attempt(async () => {
      await api.deleteTake(label, name);
      setResultStatus(`Deleted ${name} of ${label}.`);
      elements.undoResult.disabled = false;
      elements.undoResult.focus();
    }),
  onRecord: (label, name) =>
    attempt(async () => {
      await api.deleteTake(label, name);
      chosen = label;
      elements.count.value = 1;
      setStatus(`Deleted ${name}. Press Record to record a take of ${label} in its place. Undo restores it.`);
      location.hash = "#record";
    }),
});

elements.undoResult.addEventListener("click", () => attempt(async () => setResultStatus(await undo())));

function showTraining() {
  const takes = state.gestures.reduce((sum, gesture) => sum + gesture.takes.length, 0);
  const few = state.gestures.filter((gesture) => gesture.takes.length < GOOD_COUNT);
  elements.summary.textContent =
    `${takes} takes of ${state.gestures.length} gestures. ` +
    (few.length ? `Fewer than ${GOOD_COUNT}: ${few.map(({ label, takes }) => `${label} (${takes.length})`).join(", ")}.` : "");
  trainingView.showStatus(state.training);
  trainingView.showResult(state.result, state.gestures);
  elements.noModel.hidden = Boolean(state.result);
  elements.tried.hidden = !state.result;
  if (!elements.try.hidden) showTry();
}

elements.startTraining.addEventListener("click", () => attempt(() => api.startTraining(false)));
elements.resumeTraining.addEventListener("click", () => attempt(() => api.startTraining(true)));
elements.stopTraining.addEventListener("click", () => attempt(() => api.stopTraining()));

/** Polls the training, also while the server can't be reached. */
async function poll() {
  try {
    if (state === null) {
      await refresh();
    } else {
      const { phase } = state.training;
      const training = await api.getTraining();
      showOffline(false);
      state.training = training;
      if (training.phase !== phase) await refresh();
      else trainingView.showStatus(training);
    }
  } catch (error) {
    if (error instanceof api.OfflineError) showOffline(true);
    else showError(error);
  }
  setTimeout(poll, POLL_MILLISECONDS);
}

// === Try ===

let tried = null; // number of the result in the frame

function showTry() {
  if (!state.result) return;
  const { number, labels, bytes } = state.result;
  elements.tryNote.textContent = `Model ${number}: ${labels.length} classes, int8, ${(bytes / 1e6).toFixed(1)} MB.`;
  if (tried === state.result.number) return;
  tried = state.result.number;
  elements.frame.src = "try/?embedded";
}

// The frame is as high as its page, which has no scroll bar of its own.
elements.frame.addEventListener("load", () => {
  const page = elements.frame.contentDocument?.body;
  if (!page) return;
  new ResizeObserver(() => {
    elements.frame.style.height = `${Math.ceil(page.getBoundingClientRect().height) + 4}px`;
  }).observe(page);
});

// === Steps ===

const STEPS = ["record", "train", "try"];

function showStep() {
  const step = STEPS.includes(location.hash.slice(1)) ? location.hash.slice(1) : STEPS[0];
  for (const name of STEPS) {
    elements[name].hidden = name !== step;
    const link = elements[`to${name[0].toUpperCase()}${name.slice(1)}`];
    if (name === step) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  // The camera belongs to one step at a time.
  if (step !== "record" && camera !== null) {
    recording?.abort();
    stopCamera();
  }
  if (step !== "try" && tried !== null) {
    elements.frame.src = "about:blank";
    tried = null;
  }
  if (state !== null) {
    refresh().catch(() => {});
    elements[`${step}Title`].focus({ preventScroll: true });
  }
  scrollTo(0, 0);
}

addEventListener("hashchange", showStep);
showStep();
refresh()
  .then(() => setStatus("Ready. Choose or add a gesture, then press Record."))
  .catch(showError)
  .finally(poll);
