// Decodes PNG, JPEG and GIF files with Photon: Rust's image crates, compiled to WebAssembly.
import { initPhoton, PhotonImage } from "@cf-wasm/photon/others";
import photon from "@cf-wasm/photon/photon.wasm";
import { layOnWhite, type Pixels } from "./pixels.ts";

let isReady = false;

/** @throws Error of WebAssembly, whose stack is then not as it was: the thread must not decode another picture */
export function decodeWithPhoton(file: Uint8Array): Pixels {
  if (!isReady) initPhoton.sync({ module: new WebAssembly.Module(photon) });
  isReady = true;
  const picture = PhotonImage.new_from_byteslice(file);
  try {
    // A view of the memory of WebAssembly, without a copy.
    const { data } = picture.get_image_data();
    return layOnWhite({ width: picture.get_width(), height: picture.get_height(), rgba: data });
  } finally {
    picture.free();
  }
}
