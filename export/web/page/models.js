// A LiteRT file as a function of frames. `description` is its entry in models.json.

const ARRAYS = { float32: Float32Array, uint8: Uint8Array, int8: Int8Array, int16: Int16Array };

/** A file that takes whole clips. */
export class ClipModel {
  constructor(file, description) {
    this._file = file;
    this._clip = makeArray(description.inputs.find(({ name }) => name === "clip"));
    this._logits = description.outputs.find(({ name }) => name === "logits");
  }

  /** T frames of RGB bytes → a promise of their logits. */
  async predict(frames) {
    frames.forEach((frame, index) => this._clip.set(frame, index * frame.length));
    const { logits } = await this._file.run({ clip: this._clip });
    return dequantize(logits, this._logits);
  }
}

/** A file that takes a video frame by frame, and its states. */
export class StreamModel {
  constructor(file, description) {
    this._file = file;
    this._frame = makeArray(description.inputs.find(({ name }) => name === "frame"));
    this._states = description.inputs.filter(({ name }) => name !== "frame");
    this._logits = description.outputs.find(({ name }) => name === "logits");
    // The number of frames over which the file itself takes the mean of the logits: it keeps those before.
    this.averageOver = 1 + (this._states.find(({ name }) => name === "state_logits")?.shape[1] ?? 0);
    this.reset();
  }

  /** Sets the states to zero: the next frame is the first one of a video. */
  reset() {
    // Zero is the zero point of an integer tensor.
    this._memory = Object.fromEntries(this._states.map((state) => [state.name, makeArray(state).fill(state.zero_point)]));
  }

  /** A frame of RGB bytes → a promise of its logits. */
  async step(frame) {
    this._frame.set(frame);
    const { logits, ...states } = await this._file.run({ frame: this._frame, ...this._memory });
    this._memory = states;
    return dequantize(logits, this._logits);
  }
}

function makeArray({ dtype, shape }) {
  return new ARRAYS[dtype](shape.reduce((product, side) => product * side, 1));
}

function dequantize(values, { scale, zero_point: zeroPoint }) {
  return scale ? Array.from(values, (value) => (value - zeroPoint) * scale) : Array.from(values);
}
