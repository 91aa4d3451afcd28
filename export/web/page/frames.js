// Resizing of frames to the input size of a model: keras_action/recognition/frames.py.
// NumPy computes in float32, hence `Math.fround`.

const cache = new Map();

/**
 * Resizes a frame to cover the size, and crops its centre, as evaluation does.
 *
 * `pixels` are RGBA bytes, as a canvas gives them. Returns RGB bytes of `targetHeight * targetWidth * 3`.
 */
export function resizeAndCrop(pixels, height, width, targetHeight, targetWidth) {
  const scale = Math.max(targetHeight / height, targetWidth / width);
  return resample(pixels, height, width, targetHeight, targetWidth, [scale, scale]);
}

/** Resizes a whole frame to the size, as evaluation does with `crop_to_aspect_ratio=False`. */
export function resize(pixels, height, width, targetHeight, targetWidth) {
  return resample(pixels, height, width, targetHeight, targetWidth, [targetHeight / height, targetWidth / width]);
}

/** Scales the two sides of a frame, and crops its centre. */
function resample(pixels, height, width, targetHeight, targetWidth, scales) {
  const result = new Uint8ClampedArray(targetHeight * targetWidth * 3);
  if (height === targetHeight && width === targetWidth) {
    for (let i = 0, j = 0; j < result.length; i += 4) {
      result[j++] = pixels[i];
      result[j++] = pixels[i + 1];
      result[j++] = pixels[i + 2];
    }
    return new Uint8Array(result.buffer);
  }
  const { fround } = Math;
  const rows = taps(height, targetHeight, scales[0]);
  const columns = taps(width, targetWidth, scales[1]);
  const row = new Float32Array(width * 3);
  for (let y = 0; y < targetHeight; y++) {
    row.fill(0);
    for (let tap = 0; tap < rows.taps; tap++) {
      const weight = rows.weights[tap * targetHeight + y];
      let from = (rows.indices[tap * targetHeight + y] * width + columns.low) * 4;
      for (let x = columns.low * 3; x <= columns.high * 3; x += 3, from += 4) {
        row[x] += fround(pixels[from] * weight);
        row[x + 1] += fround(pixels[from + 1] * weight);
        row[x + 2] += fround(pixels[from + 2] * weight);
      }
    }
    let to = y * targetWidth * 3;
    for (let x = 0; x < targetWidth; x++, to += 3) {
      let [red, green, blue] = [0, 0, 0];
      for (let tap = 0; tap < columns.taps; tap++) {
        const weight = columns.weights[tap * targetWidth + x];
        const from = columns.indices[tap * targetWidth + x] * 3;
        red = fround(red + fround(row[from] * weight));
        green = fround(green + fround(row[from + 1] * weight));
        blue = fround(blue + fround(row[from + 2] * weight));
      }
      // A clamped array rounds halves to even, as NumPy does.
      result[to] = red;
      result[to + 1] = green;
      result[to + 2] = blue;
    }
  }
  return new Uint8Array(result.buffer);
}

/** The source pixels of the `target` pixels in the middle of a line scaled by `scale`: indices and weights. */
function taps(source, target, scale) {
  const key = `${source} ${target} ${scale}`;
  if (!cache.has(key)) cache.set(key, computeTaps(source, target, scale));
  return cache.get(key);
}

function computeTaps(source, target, scale) {
  const weights = [];
  if (scale < 1) {
    // Each target pixel is the mean of the source pixels that it covers.
    const scaled = Math.max(round(source * scale), target);
    const ends = Array.from(
      { length: target + 1 },
      (_, i) => ((Math.floor((scaled - target) / 2) + i) * source) / scaled,
    );
    for (let i = 0; i < target; i++) {
      weights.push(line(source, (p) => Math.min(ends[i + 1], p + 1) - Math.max(ends[i], p)));
    }
  } else {
    // The source is cropped first; linear between pixel centres, constant beyond the last one.
    const crop = Math.min(Math.max(round(target / scale), 1), source);
    const offset = Math.floor((source - crop) / 2);
    for (let i = 0; i < target; i++) {
      const centre = ((i + 0.5) * crop) / target - 0.5;
      const place = offset + Math.min(Math.max(centre, 0), crop - 1);
      weights.push(line(source, (p) => 1 - Math.abs(place - p)));
    }
  }
  const count = Math.max(...weights.map((row) => row.filter((weight) => weight > 0).length));
  const indices = new Int32Array(count * target);
  const values = new Float32Array(count * target);
  weights.forEach((row, i) => {
    const total = row.reduce((sum, weight) => sum + weight, 0);
    const first = Math.min(row.findIndex((weight) => weight > 0), source - count);
    for (let tap = 0; tap < count; tap++) {
      indices[tap * target + i] = first + tap;
      values[tap * target + i] = row[first + tap] / total;
    }
  });
  const low = indices.reduce((least, index) => Math.min(least, index), source);
  const high = indices.reduce((most, index) => Math.max(most, index), 0);
  return { taps: count, indices, weights: values, low, high };
}

function line(source, weight) {
  return Array.from({ length: source }, (_, pixel) => Math.max(weight(pixel), 0));
}

/** Rounds half to even, as Python does. */
function round(value) {
  const whole = Math.round(value);
  return whole - value === 0.5 && whole % 2 !== 0 ? whole - 1 : whole;
}
