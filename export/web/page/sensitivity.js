// The slider of the threshold; with operating points of a tuning, that of the sensitivity.

export class Sensitivity {
  /** `onChange(onThreshold)` is called when the slider is moved. */
  constructor(elements, onChange) {
    this._elements = elements;
    this._points = null;
    elements.threshold.addEventListener("input", () => {
      onChange(this.onThreshold);
      this._show();
    });
  }

  get onThreshold() {
    const value = Number(this._elements.threshold.value);
    return this._points ? this._points[value].on_threshold : value;
  }

  /** Takes the operating points of a model, sorted from few detections to many, or its threshold. */
  offer({ settings, operating_points: points }) {
    const { threshold, thresholdName } = this._elements;
    this._points = points?.length > 1 ? points : null;
    thresholdName.textContent = this._points ? "Sensitivity" : "Threshold";
    const range = this._points ? { min: 0, max: points.length - 1, step: 1 } : { min: 0.3, max: 0.99, step: 0.01 };
    Object.assign(threshold, range);
    const index = this._points?.findIndex((point) => point.on_threshold === settings.on_threshold);
    threshold.value = this._points ? Math.max(index, 0) : settings.on_threshold;
    this._show();
  }

  _show() {
    const { threshold, thresholdValue } = this._elements;
    const point = this._points?.[Number(threshold.value)];
    const text = point
      ? `${Math.round(100 * point.detection_rate)} % detected, ${point.false_alarms_per_minute.toFixed(1)} false alarms/min`
      : `${Math.round(100 * this.onThreshold)} %`;
    thresholdValue.textContent = text;
    threshold.setAttribute("aria-valuetext", text);
  }
}
