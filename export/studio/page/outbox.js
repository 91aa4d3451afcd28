// Sends recordings to the server, one after the other. A request is repeated while the server can't be reached.

import { OfflineError } from "./api.js";

const RETRY_MILLISECONDS = 2000;

export class Outbox {
  /** `handlers`: onChange(), onOffline(), onSent(item, answer), onRefused(item, error). */
  constructor(handlers) {
    this._handlers = handlers;
    this._items = [];
    this._isSending = false;
  }

  get waiting() {
    return this._items.length;
  }

  /** Adds an item, whose `send()` returns a promise. */
  add(item) {
    this._items.push(item);
    this._handlers.onChange();
    this._send();
  }

  async _send() {
    if (this._isSending) return;
    this._isSending = true;
    while (this._items.length) {
      const [item] = this._items;
      try {
        const answer = await item.send();
        this._items.shift();
        await this._handlers.onSent(item, answer);
      } catch (error) {
        if (error instanceof OfflineError) {
          this._handlers.onOffline();
          await new Promise((resolve) => setTimeout(resolve, RETRY_MILLISECONDS));
          continue;
        }
        this._items.shift();
        this._handlers.onRefused(item, error);
      }
      this._handlers.onChange();
    }
    this._isSending = false;
  }
}
