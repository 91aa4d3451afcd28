// Where frames come from: a camera, or a video file that the browser can play.

// Larger frames are scaled down by the browser before the recogniser sees them: it would need long to read them.
const MAX_SHORT_SIDE = 480;
// So many frames of a file may wait for the model; then the video waits.
const MAX_WAITING = 4;
// A busy browser misses frames. So often a file is wound back for them, in all and to one place; each time it then plays
// more slowly. If still none have come, there are none: gaps up to that length are the file's own.
const MAX_REWINDS = 50;
const MAX_REWINDS_TO_PLACE = 3;
const SLOWER = 0.7;
const MIN_RATE = 0.2;

/** Why there is no camera, in words for the person before it; null for an error that is none of the camera's. */
export function explainCamera(error) {
  if (!navigator.mediaDevices?.getUserMedia) {
    return "This browser gives no camera to this page. It does so on https:// addresses and on localhost only.";
  }
  return (
    {
      NotAllowedError:
        "The camera was not allowed. Allow it for this page in the browser's address bar or settings, then try again.",
      NotFoundError: "No camera was found. Connect one, then try again, or open a video file.",
      NotReadableError: "The camera could not be started. Another program may be using it.",
      OverconstrainedError: "The chosen camera is no longer there. Choose another one.",
      SecurityError: "The camera is turned off for this page by the browser's settings.",
    }[error.name] ?? null
  );
}

/** Opens a camera; `deviceId` is one of `listCameras`, or empty for the front one. */
export async function openCamera(deviceId) {
  if (!navigator.mediaDevices?.getUserMedia) throw new DOMException("no mediaDevices", "SecurityError");
  const which = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: "user" };
  const video = { ...which, width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } };
  return navigator.mediaDevices.getUserMedia({ video, audio: false });
}

/** The cameras; their names are known once one has been allowed. */
export async function listCameras() {
  const devices = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  return devices.filter(({ kind }) => kind === "videoinput");
}

/** Shows a camera's stream or a file in a <video> and hands its frames to a recogniser. */
export class FrameSource {
  /** `handlers`: onResult(result), onEnd(reason), onError(error). */
  constructor(video, recognition, handlers) {
    this.video = video;
    this._recognition = recognition;
    this._handlers = handlers;
    this._canvas = document.createElement("canvas");
    this._context = this._canvas.getContext("2d", { willReadFrequently: true });
    this._context.imageSmoothingQuality = "high";
    this._run = 0; // the number of the run that goes on; what belongs to another is dropped
    this.isRunning = false;
  }

  async startCamera(stream) {
    const run = this._begin(true);
    this._stream = stream;
    this.video.srcObject = stream;
    stream.getVideoTracks()[0].addEventListener("ended", () => this._end(run, "The camera has gone."));
    this._watch(run);
    await this._play(run);
  }

  async startFile(file) {
    const run = this._begin(false);
    this._url = URL.createObjectURL(file);
    this.video.src = this._url;
    this.video.onended = () => {
      if (!this._rewind(this.video.duration)) this._end(run, "The video has ended.");
      else this._play(run);
    };
    this.video.onerror = () => {
      if (run !== this._run) return;
      this._end(run, null);
      this._handlers.onError(new Error(`This browser can't play ${file.name}: ${this.video.error?.message || "no video"}`));
    };
    this._watch(run);
    await this._play(run);
  }

  /** Stops. What was seen so far still becomes events. */
  async stop() {
    if (this.isRunning) await this._end(this._run, "Stopped.");
  }

  _begin(isLive) {
    this._release();
    this._run += 1;
    this.isRunning = true;
    this._isLive = isLive;
    this._pending = 0;
    this.frames = 0;
    this.dropped = 0;
    this.seconds = 0;
    this._first = null; // of a camera, the time of its first frame
    this._seen = null; // of a file, the time of the last frame that was seen
    this._interval = Infinity; // the shortest time from one frame to the next
    this._longestGap = 0; // the longest time between two frames with none between them
    this._rewinds = 0;
    this._place = null; // where the file was wound back to last: {time, rewinds, and the rate before them}
    this.video.playbackRate = 1;
    return this._run;
  }

  async _play(run) {
    try {
      await this.video.play();
    } catch (error) {
      // `onerror` has said why, or another source was opened meanwhile.
      if (run !== this._run || !this.isRunning || ["NotSupportedError", "AbortError"].includes(error.name)) return;
      this._end(run, null);
      this._handlers.onError(new Error(`This browser did not play the video. ${error.message}`));
    }
  }

  /** Calls `_take` for every frame that is shown. */
  _watch(run) {
    if (run !== this._run || !this.isRunning) return;
    if ("requestVideoFrameCallback" in this.video) {
      this.video.requestVideoFrameCallback((now, { mediaTime }) => {
        this._watch(run);
        if (this._isLive) this._take(run, now / 1000);
        else if (this._isNext(mediaTime)) this._take(run, mediaTime);
      });
    } else {
      requestAnimationFrame((now) => {
        this._watch(run);
        if (this.video.readyState >= 2) this._take(run, this._isLive ? now / 1000 : this.video.currentTime);
      });
    }
  }

  /** Whether a file's frame is the one that comes next: not seen before, and none missed in between. */
  _isNext(mediaTime) {
    if (this._seen !== null) {
      if (mediaTime <= this._seen || this._rewind(mediaTime)) return false;
      this._interval = Math.min(this._interval, mediaTime - this._seen);
    }
    this._seen = mediaTime;
    return true;
  }

  /** Winds a file back if frames seem to be missing before a time; some times only, for there may be none. */
  _rewind(mediaTime) {
    const gap = mediaTime - this._seen;
    // Containers round times, some to milliseconds.
    if (!(gap > 1.5 * this._interval && gap > 1.05 * this._longestGap)) return false;
    const rate = this.video.playbackRate;
    if (this._place?.time !== this._seen) this._place = { time: this._seen, rewinds: 0, rate };
    if (this._place.rewinds >= MAX_REWINDS_TO_PLACE) {
      this._longestGap = gap;
      this.video.playbackRate = this._place.rate;
      return false;
    }
    if (this._rewinds >= MAX_REWINDS) return false;
    this._rewinds += 1;
    this._place.rewinds += 1;
    this.video.playbackRate = Math.max(rate * SLOWER, MIN_RATE);
    this.video.currentTime = this._seen;
    return true;
  }

  async _take(run, timestamp) {
    if (run !== this._run || !this.isRunning || this.video.videoWidth === 0) return;
    this.frames += 1;
    this._first ??= this._isLive ? timestamp : 0;
    timestamp -= this._first;
    this.seconds = timestamp;
    // Live, a frame that comes while the model is at work is dropped; of a file all are looked at.
    if (this._isLive && this._pending > 0) {
      this.dropped += 1;
      return;
    }
    this._pending += 1;
    if (!this._isLive && this._pending > MAX_WAITING) this.video.pause();
    try {
      const result = await this._recognition.push(this._grab(), timestamp, this._isLive);
      if (run === this._run) this._handlers.onResult(result);
    } catch (error) {
      if (run === this._run && this.isRunning) {
        this._end(run, null);
        this._handlers.onError(error);
      }
    } finally {
      if (run === this._run) this._pending -= 1;
    }
    if (run === this._run && this.isRunning && !this._isLive && this._pending === 0 && this.video.paused && !this.video.ended) {
      await this._play(run);
    }
  }

  /** The frame that is shown: RGBA bytes. */
  _grab() {
    const { videoWidth, videoHeight } = this.video;
    const scale = Math.min(1, MAX_SHORT_SIDE / Math.min(videoWidth, videoHeight));
    const [width, height] = [Math.round(videoWidth * scale), Math.round(videoHeight * scale)];
    if (this._canvas.width !== width || this._canvas.height !== height) {
      Object.assign(this._canvas, { width, height });
    }
    this._context.drawImage(this.video, 0, 0, width, height);
    return { pixels: this._context.getImageData(0, 0, width, height).data, width, height };
  }

  async _end(run, reason) {
    if (run !== this._run || !this.isRunning) return;
    this.isRunning = false;
    this._stopCamera();
    this.video.pause();
    if (reason === null) return this._recognition.reset();
    try {
      this._handlers.onResult(await this._recognition.flush());
    } catch (error) {
      this._handlers.onError(error);
    }
    this._handlers.onEnd(reason);
  }

  _stopCamera() {
    if (this._stream) this.video.srcObject = null; // or its last picture would stand there
    for (const track of this._stream?.getTracks() ?? []) track.stop();
    this._stream = null;
  }

  _release() {
    this._stopCamera();
    this.video.onended = this.video.onerror = null;
    this.video.srcObject = null;
    this.video.removeAttribute("src");
    if (this._url) URL.revokeObjectURL(this._url);
    this._url = null;
  }
}
