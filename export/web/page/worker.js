// The thread of the recogniser: frames in, events out. A classic worker, as the runtime needs importScripts.

const modules = Promise.all([import("./litert.js"), import("./models.js"), import("./recognizer.js")]);
let runtime = null;
let file = null;
let recognizer = null;
let spent = { milliseconds: 0, runs: 0 };

const handlers = {
  async load({ description }) {
    const [{ loadRuntime, LiteRTFile }, { ClipModel, StreamModel }, { GestureRecognizer }] = await modules;
    runtime ??= await loadRuntime();
    const response = await fetch(new URL(description.url, self.location.href));
    if (!response.ok) throw new Error(`${description.url}: ${response.status} ${response.statusText}`);
    const bytes = new Uint8Array(await response.arrayBuffer());
    const next = await LiteRTFile.load(runtime, bytes, description);
    file?.delete();
    file = next;
    const Model = description.kind === "stream" ? StreamModel : ClipModel;
    recognizer = new GestureRecognizer(new Model(timed(file), description), description);
    await recognizer.warmUp();
    return { threads: runtime.threads };
  },

  async frame({ frame, timestamp, isLive }) {
    spent = { milliseconds: 0, runs: 0 };
    return { events: await recognizer.push(frame, timestamp, isLive), ...state() };
  },

  async flush() {
    spent = { milliseconds: 0, runs: 0 };
    return { events: await recognizer.flush(), ...state() };
  },

  async settings({ settings }) {
    recognizer.settings = settings;
    return {};
  },

  async reset() {
    recognizer.reset();
    return {};
  },
};

/** What the page shows: probabilities, the current gesture, and the run time of the model. */
function state() {
  const { smoothed, activeLabel } = recognizer.detector;
  return { scores: smoothed?.scores ?? null, activeLabel, ...spent };
}

function timed(file) {
  return {
    async run(inputs) {
      const start = performance.now();
      const outputs = await file.run(inputs);
      spent.milliseconds += performance.now() - start;
      spent.runs += 1;
      return outputs;
    },
  };
}

// Messages are handled one after the other.
let queue = Promise.resolve();
self.onmessage = ({ data: { id, type, ...message } }) => {
  queue = queue.then(async () => {
    try {
      self.postMessage({ id, result: await handlers[type](message) });
    } catch (error) {
      self.postMessage({ id, error: String(error?.message ?? error) });
    }
  });
};
