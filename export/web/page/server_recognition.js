// A recogniser on the server, with the interface of `Recognition`: for browsers without the runtime.

import { resize, resizeAndCrop } from "./frames.js";

export class ServerRecognition {
  constructor() {
    this._page = crypto.randomUUID?.() ?? String(Math.random()).slice(2);
    this._queue = Promise.resolve(); // frames go one after the other
  }

  async load(description) {
    this._size = description.input_size;
    this._scale = description.crop_to_aspect_ratio ? resizeAndCrop : resize;
    await this._call("load");
    return { threads: 2 };
  }

  /** Adds a frame, {pixels, height, width}. It is scaled here, as few bytes travel that way. */
  push({ pixels, height, width }, timestamp) {
    const body = this._scale(pixels, height, width, ...this._size);
    return this._call(`frame?${new URLSearchParams({ timestamp })}`, body);
  }

  flush() {
    return this._call("flush");
  }

  reset() {
    return this._call("reset");
  }

  use(settings) {
    return this._call("settings", JSON.stringify(settings));
  }

  _call(action, body) {
    const answer = this._queue.then(async () => {
      const response = await fetch(`recognizer/${this._page}/${action}`, { method: "POST", body });
      const values = await response.json().catch(() => ({ error: response.statusText }));
      if (!response.ok) throw new Error(values.error);
      return values;
    });
    this._queue = answer.catch(() => {});
    return answer;
  }
}
