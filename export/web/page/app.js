// The page: opens a camera or a video, shows probabilities and gestures, turns slides.

import { withOnThreshold } from "./detectors.js";
import { Recognition } from "./recognition.js";
import { Sensitivity } from "./sensitivity.js";
import { ServerRecognition } from "./server_recognition.js";
import { Slides } from "./slides.js";
import { explainCamera, FrameSource, listCameras, openCamera } from "./source.js";
import { View } from "./view.js";

const elements = Object.fromEntries([...document.querySelectorAll("[id]")].map((element) => [element.id, element]));
const view = new View(elements);
const slides = new Slides(elements);
const source = new FrameSource(elements.video, null, {
  onResult(result) {
    if (result.scores) view.setScores(result.scores, result.activeLabel);
    for (const event of result.events) {
      view.addEvent(event);
      slides.take(event);
    }
    view.addResult(result, source);
  },
  onEnd(reason) {
    const { count } = view;
    view.clearScores();
    const gestures = `${count} gesture${count === 1 ? "" : "s"}`;
    setState("ready");
    view.setStatus(`${reason} ${gestures} in ${source.seconds.toFixed(1)} s, ${source.frames} frames.`);
  },
  onError(error) {
    setState("ready");
    view.setStatus("Stopped by an error.");
    view.showError(error.message);
  },
});
let models = [];
let recognizers = ["browser"]; // or "server", in the order in which they are tried
let recognition = null;
const sensitivity = new Sensitivity(elements, (onThreshold) => {
  const { settings } = models[elements.model.value];
  recognition.use(withOnThreshold(settings, onThreshold));
});

/** `state`: loading, ready, running or failed. */
function setState(state) {
  document.body.dataset.state = state;
  const isReady = state === "ready" || state === "running";
  for (const name of ["camera", "openVideo", "threshold"]) elements[name].disabled = !isReady;
  elements.model.disabled = state === "loading";
  elements.stop.disabled = state !== "running";
  elements.stage.classList.toggle("empty", elements.video.readyState === 0 && state !== "running");
}

async function start() {
  setState("loading");
  try {
    const response = await fetch("models.json");
    if (!response.ok) throw new Error(`models.json: ${response.status} ${response.statusText}`);
    ({ models, recognizers = recognizers } = await response.json());
  } catch (error) {
    setState("failed");
    view.setStatus("No model.");
    view.showError(`The list of models could not be loaded. ${error.message}`);
    return;
  }
  elements.model.replaceChildren(...models.map(({ name }, index) => new Option(name, index)));
  elements.modelField.hidden = models.length < 2;
  await loadModel(0);
}

async function loadModel(index) {
  await source.stop();
  view.hideError();
  setState("loading");
  const description = models[index];
  elements.model.value = index;
  elements.warning.textContent = description.warning ?? "";
  elements.warning.hidden = !description.warning;
  view.setStatus(`Loading ${description.name} …`);
  try {
    const threads = await loadRecognition(description);
    const { labels, settings } = description;
    const ignored = new Set(settings.ignore.map((label) => label.toLowerCase()));
    view.setModel(description);
    view.clear();
    slides.offer(labels.filter((label) => !ignored.has(label.toLowerCase())));
    sensitivity.offer(description);
    const kind = description.kind === "stream" ? "frame by frame" : `clips of ${description.clip_seconds.toFixed(1)} s`;
    const size = `${(description.bytes / 1e6).toFixed(description.bytes < 1e6 ? 2 : 1)} MB`;
    elements.about.textContent = `${description.name}: ${labels.length} classes, ${kind}, ${size}`;
    elements.threads.textContent = threads;
    setState("ready");
    view.setStatus(`Ready. Start the camera, or open a video.${showPlace()}`);
  } catch (error) {
    setState("failed");
    view.setStatus("The model does not run in this browser.");
    offerAnother(index, error);
  }
}

/** Loads a model into the first recogniser that can run it. Returns the number of its threads. */
async function loadRecognition(description) {
  for (const kind of recognizers) {
    const Kind = kind === "server" ? ServerRecognition : Recognition;
    if (!(recognition instanceof Kind)) recognition = new Kind();
    source.recognition = recognition;
    try {
      return (await recognition.load(description)).threads;
    } catch (error) {
      if (kind === recognizers.at(-1)) throw error;
    }
  }
  throw new Error("No recogniser is available.");
}

/** Shows where the model runs. Returns a sentence if that is not the browser. */
function showPlace() {
  const isOnServer = recognition instanceof ServerRecognition;
  elements.hint.textContent = isOnServer
    ? "The server recognises: pictures go to it, and nowhere else."
    : "The model runs in your browser. No data leaves this device.";
  if (!isOnServer) return "";
  return recognizers.includes("browser")
    ? " The server recognises, as this browser can't run the model."
    : " The server recognises, as the browser's runtime could not be downloaded.";
}

const failed = new Set();

/** Reports a file that can't be run, and offers another one. */
function offerAnother(index, error) {
  failed.add(index);
  const next = models.findIndex((_, other) => !failed.has(other));
  view.showError(
    `This browser's runtime can't run ${models[index].name}. ${error.message} ` +
      (next < 0 ? "No other file is available. A float32 file runs in every browser that the runtime supports." : ""),
    next < 0 ? null : { text: `Use ${models[next].name}`, run: () => loadModel(next) },
  );
}

async function run(begin) {
  view.hideError();
  view.clear();
  await recognition.reset();
  setState("running");
  await begin();
}

async function useCamera() {
  view.setStatus("Waiting for the camera …");
  view.hideError();
  await source.stop();
  try {
    const stream = await openCamera(elements.cameraChoice.value);
    elements.stage.classList.toggle("mirrored", elements.mirror.checked);
    await run(() => source.startCamera(stream));
    if (!source.isRunning) return;
    view.setStatus("Running. Make a gesture.");
    await offerCameras(stream);
  } catch (error) {
    setState("ready");
    view.setStatus("No camera.");
    view.showError(explainCamera(error) ?? error.message);
  }
}

async function offerCameras(stream) {
  const cameras = await listCameras();
  const current = stream.getVideoTracks()[0].getSettings().deviceId;
  elements.cameraChoice.replaceChildren(
    ...cameras.map(({ label, deviceId }, index) => new Option(label || `Camera ${index + 1}`, deviceId)),
  );
  elements.cameraChoice.value = current;
  elements.cameraField.hidden = cameras.length < 2;
}

async function useFile(file) {
  await source.stop();
  elements.stage.classList.remove("mirrored");
  view.setStatus(`Playing ${file.name}.`);
  await run(() => source.startFile(file));
}

elements.camera.addEventListener("click", useCamera);
elements.cameraChoice.addEventListener("change", useCamera);
elements.stop.addEventListener("click", () => source.stop());
elements.openVideo.addEventListener("click", () => elements.videoFile.click());
elements.videoFile.addEventListener("change", () => {
  const [file] = elements.videoFile.files;
  elements.videoFile.value = ""; // so that the same file can be opened again
  if (file) useFile(file);
});
elements.mirror.addEventListener("change", () => {
  elements.stage.classList.toggle("mirrored", elements.mirror.checked && elements.video.srcObject !== null);
});
elements.model.addEventListener("change", () => loadModel(Number(elements.model.value)));
elements.openSlides.addEventListener("click", () => elements.slideFiles.click());
elements.slideFiles.addEventListener("change", () => {
  if (elements.slideFiles.files.length) slides.open(elements.slideFiles.files);
  elements.slideFiles.value = "";
});
elements.fullScreen.addEventListener("click", () => elements.deck.requestFullscreen());
elements.fullScreen.hidden = !document.fullscreenEnabled;
// In another page, which has a head of its own.
document.body.classList.toggle("embedded", new URLSearchParams(location.search).has("embedded"));

start();
