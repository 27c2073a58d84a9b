// Reads the pictures of a request for a model.
import type { Picture } from "@waggle/engine";
import type { WorkerInfo } from "@waggle/protocol";
import { leavingOf } from "../server/connection.ts";
import type { AppContext, ServedModel } from "../server/context.ts";
import type { ReadPictures } from "./request-pictures.ts";

/** Undefined if nothing is known of the model's file yet. */
function readsPictures({ vision, kind }: WorkerInfo): boolean | undefined {
  return vision === undefined && kind === undefined ? undefined : vision !== undefined;
}

/**
 * @param isNeeded whether the request is refused without this picture; by default, each is needed
 * @throws WaggleError invalid_argument, payload_too_large, resource_exhausted, which name the picture
 */
export type ReadPicturesOf = (
  sources: readonly string[],
  isNeeded?: (source: string) => boolean,
) => Promise<ReadPictures>;

/** @param kept finds a picture of an earlier response */
export function pictureReader(
  c: AppContext,
  served: Pick<ServedModel, "name" | "info">,
  kept?: (sha256: string) => Picture | undefined,
): ReadPicturesOf {
  return (sources, isNeeded = () => true) =>
    c.get("pictures").read(sources, {
      model: served.name,
      // A request without pictures must not depend on what is known of the model.
      readsPictures: sources.length === 0 ? undefined : readsPictures(served.info()),
      isNeeded,
      kept,
      signal: leavingOf(c),
    });
}
