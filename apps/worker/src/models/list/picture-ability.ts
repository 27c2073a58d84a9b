// Tells how a model reads pictures, in its form on the wire.
import { basename } from "node:path";
import type { PictureAbility } from "@waggle/protocol";
import type { ModelHost } from "../run/model-host-port.ts";

/** From the engine's report, or else from the header of the projector. Undefined if the model reads no pictures, or its file is not on disk. */
export function pictureAbility({ info, file: { facts, settings } }: ModelHost): PictureAbility | undefined {
  if (info !== undefined) {
    const { projector, bytes, maxPixels } = info.projector ?? {};
    if (projector === undefined || bytes === undefined || maxPixels === undefined) return undefined;
    return { projector, bytes, max_pixels: maxPixels };
  }
  const { path, card } = facts?.pictures.projector ?? {};
  if (path === undefined || card === undefined) return undefined;
  return { projector: card.name ?? basename(path), bytes: card.fileBytes, max_pixels: settings.maxPicturePixels };
}
