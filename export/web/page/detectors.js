// Event detectors by the type of their settings: keras_action/recognition/detectors.py.

import { EventDetector } from "./event_detector.js";
import { WindowDetector } from "./window_detector.js";

/** The detector for these settings: those of a `WindowDetector` have `max_overlap`. */
export function makeDetector(labels, settings) {
  return new ("max_overlap" in settings ? WindowDetector : EventDetector)(labels, settings);
}

/** The settings with another `on_threshold`; `off_threshold` is lowered to it where it is higher. */
export function withOnThreshold(settings, threshold) {
  const changes = { on_threshold: threshold };
  if ("off_threshold" in settings) changes.off_threshold = Math.min(threshold, settings.off_threshold);
  return { ...settings, ...changes };
}
