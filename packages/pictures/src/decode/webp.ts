// Decodes WebP files with libwebp, compiled to WebAssembly.
import decode, { init } from "@jsquash/webp/decode.js";
import libwebp from "@jsquash/webp/codec/dec/webp_dec.wasm";
import type { PixelsWithAlpha } from "./pixels.ts";

let compiled: WebAssembly.Module | undefined;

/** @returns undefined when the file is damaged */
export async function decodeWebp(file: Uint8Array<ArrayBuffer>): Promise<PixelsWithAlpha | undefined> {
  const module = (compiled ??= new WebAssembly.Module(libwebp));
  const instantiateWasm = (imports: object, callback: (instance: WebAssembly.Instance) => void): object => {
    const instance = new WebAssembly.Instance(module, imports);
    callback(instance);
    return instance.exports;
  };
  // Each picture gets new memory, so that a picture that finds a fault in the C code sees no other picture.
  await init({ instantiateWasm, printErr: () => {} });
  try {
    const { width, height, data } = await decode(file.buffer);
    return { width, height, rgba: data };
  } catch {
    return undefined;
  }
}
