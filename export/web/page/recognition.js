// The interface of the page to the recogniser's thread: each call returns a promise of its answer.

export class Recognition {
  constructor() {
    this._calls = new Map();
    this._number = 0;
    this._worker = new Worker(new URL("worker.js", import.meta.url));
    this._worker.onmessage = ({ data: { id, result, error } }) => {
      const { resolve, reject } = this._calls.get(id);
      this._calls.delete(id);
      if (error === undefined) resolve(result);
      else reject(new Error(error));
    };
    this._worker.onerror = (event) => {
      event.preventDefault();
      for (const { reject } of this._calls.values()) reject(new Error(event.message || "The worker could not be loaded."));
      this._calls.clear();
    };
  }

  /** Number of calls without an answer. */
  get pending() {
    return this._calls.size;
  }

  load(description) {
    return this._call("load", { description });
  }

  /** Adds a frame, {pixels, height, width}, whose pixels are transferred, and its time in seconds. */
  push(frame, timestamp, isLive) {
    return this._call("frame", { frame, timestamp, isLive }, [frame.pixels.buffer]);
  }

  flush() {
    return this._call("flush");
  }

  reset() {
    return this._call("reset");
  }

  use(settings) {
    return this._call("settings", { settings });
  }

  _call(type, message = {}, transfer = []) {
    const id = ++this._number;
    return new Promise((resolve, reject) => {
      this._calls.set(id, { resolve, reject });
      this._worker.postMessage({ id, type, ...message }, transfer);
    });
  }
}
