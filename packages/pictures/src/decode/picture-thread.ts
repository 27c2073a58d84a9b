// Owns the thread that decodes pictures.
import { serveTasks } from "@waggle/async";
import { decodePicture } from "./decode-picture.ts";

serveTasks(decodePicture, (result) => (result.kind === "decoded" ? [result.pixels.rgb.buffer] : []));
