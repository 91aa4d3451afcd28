// The page's side of the recogniser's thread: each call is a promise of the thread's answer.

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

  /** How many calls have not been answered. */
  get pending() {
    return this._calls.size;
  }

  load(description) {
    return this._call("load", { description });
  }

  /** A frame: {pixels, height, width}; its pixels go over to the thread. Seconds. */
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
