// LiteRT in the browser: a .tflite file as a function of named arrays.
//
// The runtime's `Tensor` supports float32, int32 and uint8 only. The states of an int8 streaming file are int8, so
// this uses the WASM interface below it (`LiteRt.liteRtWasm`), where a buffer holds bytes of any type. The buffers are
// created once and reused for each frame.

const FOLDER = new URL("runtime/", self.location.href).href;
const ARRAYS = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array, int8: Int8Array, int16: Int16Array };

/** Loads the runtime into a classic worker, with threads if the page may use them. Returns it and their number. */
export async function loadRuntime() {
  const { loadLiteRt, supportsFeature } = await import(`${FOLDER}core/dist/index.js`);
  const threads = self.crossOriginIsolated && (await supportsFeature("threads")) && (await supportsFeature("relaxedSimd"));
  const load = (withThreads) => {
    // In a worker the runtime would look for its files beside the worker's script.
    self.Module = {
      locateFile: (name) => `${FOLDER}core/wasm/${name}`,
      mainScriptUrlOrBlob: `${FOLDER}core/wasm/litert_wasm_threaded_internal.js`,
      // It reports missing accelerators as errors.
      printErr: (text) => (/^(INFO|WARNING)/.test(text) ? console.debug(text) : console.error(text)),
    };
    return loadLiteRt(`${FOLDER}core/wasm/`, { threads: withThreads });
  };
  let runtime;
  try {
    runtime = await load(threads);
  } catch (error) {
    if (!threads) throw error;
    runtime = await load(false);
  }
  return { runtime, threads: runtime.liteRtWasm.getThreadCount() };
}

/** A LiteRT file that is ready to run. `bytes` is a Uint8Array of the whole file. */
export class LiteRTFile {
  static async load({ runtime, threads }, bytes, description) {
    const file = new LiteRTFile();
    try {
      await file._prepare(runtime, threads, bytes, description);
    } catch (error) {
      file.delete();
      throw error;
    }
    return file;
  }

  constructor() {
    this._buffers = [];
  }

  async _prepare(runtime, threads, bytes, description) {
    const wasm = (this._wasm = runtime.liteRtWasm);
    const environment = runtime.getDefaultEnvironment();
    this._pointer = wasm._malloc(bytes.byteLength);
    wasm.HEAPU8.set(bytes, this._pointer);
    this._model = wasm.loadModel(environment.liteRtEnvironment, this._pointer, bytes.byteLength);
    this._compiled = await wasm.compileModel(environment.liteRtEnvironment, this._model, {
      environment,
      accelerator: "wasm",
      cpuOptions: { numThreads: threads },
      gpuOptions: {},
      webNNOptions: {},
    });
    const signature = this._model.getSignature(0);
    const names = (vector) => Array.from({ length: vector.size() }, (_, i) => vector.get(i));
    this.outputs = names(signature.outputNames());
    this.inputs = names(signature.inputNames());
    this._types = Object.fromEntries([...description.inputs, ...description.outputs].map((x) => [x.name, x.dtype]));
    this._buffers = this.inputs.map((_, index) => {
      const type = this._model.getInputTensorType(0, index);
      const buffer = wasm.LiteRtTensorBuffer.createManaged(
        environment.liteRtEnvironment,
        wasm.LiteRtTensorBufferType.HOST_MEMORY,
        type,
        type.bytes(),
      );
      type.delete();
      return buffer;
    });
  }

  /** Runs the file. `inputs`: arrays by name, each of the input's type. Returns the outputs, arrays by name. */
  async run(inputs) {
    const wasm = this._wasm;
    this.inputs.forEach((name, index) => {
      const data = inputs[name];
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      const buffer = this._buffers[index];
      const pointer = buffer.lock(wasm.LiteRtTensorBufferLockMode.WRITE);
      wasm.HEAPU8.set(bytes, pointer);
      buffer.unlock();
    });
    const buffers = await this._compiled.run(0, this._buffers);
    const outputs = {};
    this.outputs.forEach((name, index) => {
      const buffer = buffers[index];
      const pointer = buffer.lock(wasm.LiteRtTensorBufferLockMode.READ);
      const bytes = wasm.HEAPU8.slice(pointer, pointer + buffer.packedSize());
      buffer.unlock();
      buffer.delete();
      outputs[name] = new ARRAYS[this._types[name]](bytes.buffer);
    });
    return outputs;
  }

  delete() {
    for (const buffer of this._buffers) buffer.delete();
    this._compiled?.delete();
    this._model?.delete();
    if (this._pointer) this._wasm._free(this._pointer);
  }
}
