// Sources of frames: a camera, or a video file that the browser can play.

// Larger frames are scaled down by the browser first, as reading them takes long.
const MAX_SHORT_SIDE = 480;
// Frames of a file that may wait for the model; then the video is paused.
const MAX_WAITING = 4;
// A busy browser skips frames of a file. The file is then rewound, up to these numbers of times in total and to one place,
// and played more slowly each time. If no frame appears, gaps up to that length are taken as the file's own.
const MAX_REWINDS = 50;
const MAX_REWINDS_TO_PLACE = 3;
const SLOWER = 0.7;
const MIN_RATE = 0.2;

/** The reason why a camera failed, as a sentence; null for other errors. */
export function explainCamera(error) {
  if (!navigator.mediaDevices?.getUserMedia) {
    return "This browser gives pages a camera on https:// addresses and on localhost only.";
  }
  return (
    {
      NotAllowedError:
        "Access to the camera was denied. Allow it in the browser's address bar or settings, then try again.",
      NotFoundError: "No camera was found. Connect one, then try again, or open a video file.",
      NotReadableError: "The camera could not be started. Another program may be using it.",
      OverconstrainedError: "The chosen camera is no longer there. Choose another one.",
      SecurityError: "The browser's settings block the camera for this page.",
    }[error.name] ?? null
  );
}

/** Opens a camera; `deviceId` is one of `listCameras`, or empty for the front camera. */
export async function openCamera(deviceId) {
  if (!navigator.mediaDevices?.getUserMedia) throw new DOMException("no mediaDevices", "SecurityError");
  const which = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: "user" };
  const video = { ...which, width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } };
  return navigator.mediaDevices.getUserMedia({ video, audio: false });
}

/** The cameras. Browsers tell their names after one has been allowed. */
export async function listCameras() {
  const devices = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  return devices.filter(({ kind }) => kind === "videoinput");
}

/** Shows a camera's stream or a file in a <video> and hands its frames to a recogniser. */
export class FrameSource {
  /** `handlers`: onResult(result), onEnd(reason), onError(error). */
  constructor(video, recognition, handlers) {
    this.video = video;
    this.recognition = recognition;
    this._handlers = handlers;
    this._canvas = document.createElement("canvas");
    this._context = this._canvas.getContext("2d", { willReadFrequently: true });
    this._context.imageSmoothingQuality = "high";
    this._run = 0; // number of the current run; results of others are dropped
    this.isRunning = false;
  }

  async startCamera(stream) {
    const run = this._begin(true);
    this._stream = stream;
    this.video.srcObject = stream;
    stream.getVideoTracks()[0].addEventListener("ended", () => this._end(run, "The camera was disconnected."));
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

  /** Stops. Gestures up to now are still reported. */
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
    this._first = null; // time of a camera's first frame
    this._seen = null; // time of the last frame of a file
    this._interval = Infinity; // shortest time between frames
    this._longestGap = 0; // longest time between two frames of the file
    this._rewinds = 0;
    this._place = null; // the last place of a rewind: {time, rewinds, rate before them}
    this.video.playbackRate = 1;
    return this._run;
  }

  async _play(run) {
    try {
      await this.video.play();
    } catch (error) {
      // `onerror` has reported it, or another source was opened meanwhile.
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

  /** Whether a frame of a file is new, with none skipped before it. */
  _isNext(mediaTime) {
    if (this._seen !== null) {
      if (mediaTime <= this._seen || this._rewind(mediaTime)) return false;
      this._interval = Math.min(this._interval, mediaTime - this._seen);
    }
    this._seen = mediaTime;
    return true;
  }

  /** Rewinds a file if frames before a time seem to be skipped. The number of rewinds is limited. */
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
    // Live frames that arrive while the model runs are dropped; of a file all are processed.
    if (this._isLive && this._pending > 0) {
      this.dropped += 1;
      return;
    }
    this._pending += 1;
    if (!this._isLive && this._pending > MAX_WAITING) this.video.pause();
    try {
      const result = await this.recognition.push(this._grab(), timestamp, this._isLive);
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
    if (reason === null) return this.recognition.reset();
    try {
      this._handlers.onResult(await this.recognition.flush());
    } catch (error) {
      this._handlers.onError(error);
    }
    this._handlers.onEnd(reason);
  }

  _stopCamera() {
    if (this._stream) this.video.srcObject = null; // otherwise its last picture stays
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
