// Records takes in a row with a countdown, and long takes, in which the page names one gesture after the other.

const TYPES = ["video/webm;codecs=vp8", "video/webm", "video/mp4"];
const BITS_PER_SECOND = 2_500_000;
const COUNTDOWN = 3;
const CUES_PER_GESTURE = 3; // in a long take
const REST_SECONDS = [1.5, 3];

export const canRecord = () => typeof MediaRecorder !== "undefined";

/** Waits; rejects at once with an AbortError if the signal is aborted. */
export function wait(seconds, signal) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, 1000 * seconds);
    signal.addEventListener("abort", stop, { once: true });
  });
}

/** A recording that runs. `stop()` returns {blob, suffix}. */
async function begin(stream) {
  const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
  const recorder = new MediaRecorder(stream, { mimeType, videoBitsPerSecond: BITS_PER_SECOND });
  const parts = [];
  const ended = new Promise((resolve, reject) => {
    recorder.ondataavailable = ({ data }) => parts.push(data);
    recorder.onstop = resolve;
    recorder.onerror = ({ error }) => reject(error ?? new Error("The browser could not record the camera."));
  });
  ended.catch(() => {}); // reported by `stop`
  const started = new Promise((resolve) => {
    recorder.onstart = resolve;
  });
  recorder.start();
  await Promise.race([started, ended]);
  return {
    async stop() {
      if (recorder.state !== "inactive") recorder.stop();
      await ended;
      const type = recorder.mimeType || mimeType;
      return { blob: new Blob(parts, { type }), suffix: type.startsWith("video/mp4") ? ".mp4" : ".webm" };
    },
  };
}

/**
 * Records takes in a row. `onState(state, text)` is called at countdown, recording and pause, `onTake(take, number)` after
 * each take. Rejects with an AbortError when the signal is aborted: an unfinished take is dropped.
 */
export async function recordTakes(stream, { count, seconds, pause }, { onState, onTake }, signal) {
  for (let left = COUNTDOWN; left > 0; left--) {
    onState("countdown", String(left));
    await wait(1, signal);
  }
  for (let number = 1; number <= count; number++) {
    const recording = await begin(stream);
    onState("recording", `${number} / ${count}`);
    try {
      await wait(seconds, signal);
    } catch (error) {
      await recording.stop();
      throw error;
    }
    onTake(await recording.stop(), number);
    if (number < count) {
      onState("pause", `${number + 1} / ${count}`);
      await wait(pause, signal);
    }
  }
}

/** The gestures in the order of a long take: each several times, if possible none twice in a row. */
export function cueOrder(labels, random = Math.random) {
  const left = labels.flatMap((label) => Array(CUES_PER_GESTURE).fill(label));
  const order = [];
  while (left.length) {
    const others = left.filter((label) => label !== order.at(-1));
    const from = others.length ? others : left;
    const label = from[Math.floor(random() * from.length)];
    left.splice(left.indexOf(label), 1);
    order.push(label);
  }
  return order;
}

/**
 * Records a long take. Returns {blob, suffix, truth}: label, start and end, in seconds, of the gestures that were named.
 * When the signal is aborted, the truth ends with the last finished gesture.
 */
export async function recordLong(stream, labels, seconds, { onState }, signal) {
  const order = cueOrder(labels);
  for (let left = COUNTDOWN; left > 0; left--) {
    onState("countdown", String(left));
    await wait(1, signal);
  }
  const recording = await begin(stream);
  const start = performance.now();
  const now = () => (performance.now() - start) / 1000;
  const truth = [];
  try {
    for (const label of order) {
      onState("long", "rest", `${truth.length} of ${order.length}`);
      const [least, most] = REST_SECONDS;
      await wait(least + (most - least) * Math.random(), signal);
      onState("long", label, `${truth.length + 1} of ${order.length}`);
      const from = now();
      await wait(seconds, signal);
      truth.push({ label, start: from, end: now() });
    }
    onState("long", "rest", "the end");
    await wait(REST_SECONDS[0], signal);
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  }
  return { ...(await recording.stop()), truth };
}
