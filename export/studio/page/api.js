// Requests to the studio's server. Each function returns a promise of the answer; errors have a message for the page.

/** The server can't be reached: it may come back. */
export class OfflineError extends Error {}

async function call(method, path, body, isJson = true) {
  let response;
  try {
    response = await fetch(path, {
      method,
      body: body === undefined ? undefined : isJson ? JSON.stringify(body) : body,
      headers: body !== undefined && isJson ? { "Content-Type": "application/json" } : {},
    });
  } catch {
    throw new OfflineError("The server can't be reached.");
  }
  const text = await response.text();
  if (response.ok) return text ? JSON.parse(text) : null;
  let message = text;
  try {
    message = JSON.parse(text).error;
  } catch {
    // not one of the studio's own answers
  }
  throw new Error(message || `${response.status} ${response.statusText}`);
}

const gesture = (label) => `api/gestures/${encodeURIComponent(label)}`;

export const getState = () => call("GET", "api/state");
export const getTraining = () => call("GET", "api/training");
export const addGesture = (label) => call("POST", "api/gestures", { label });
export const renameGesture = (label, renamed) => call("PATCH", gesture(label), { label: renamed });
export const removeGesture = (label) => call("DELETE", gesture(label));
export const deleteTake = (label, name) => call("DELETE", `${gesture(label)}/takes/${encodeURIComponent(name)}`);
export const undo = () => call("POST", "api/undo", {});
export const startTraining = (resume) => call("POST", "api/training", { resume });
export const stopTraining = () => call("DELETE", "api/training");
export const takeUrl = (label, name) => `takes/${encodeURIComponent(label)}/${encodeURIComponent(name)}`;

export function sendTake(label, blob, session, suffix) {
  return call("POST", `${gesture(label)}/takes?${new URLSearchParams({ session, suffix })}`, blob, false);
}

export function sendStream(blob, truth, session, suffix) {
  const query = new URLSearchParams({ session, suffix, truth: JSON.stringify(truth) });
  return call("POST", `api/streams?${query}`, blob, false);
}
