// Joins this worker's downloads with the unfinished ones in the folder, which an earlier worker or a command may have left.
import type { Catalogue, DownloadedModel } from "@waggle/models/download";
import { WaggleError } from "@waggle/protocol";
import type { Download } from "@waggle/protocol";
import type { Pulls } from "./pulls.ts";

export interface Downloads {
  /** This worker's downloads, then unfinished ones in the folder, oldest first. */
  list(): Promise<readonly Download[]>;
  /**
   * Deletes an unfinished or failed download.
   * @param wanted its reference or name
   * @returns freed bytes; false if there is no such download
   * @throws WaggleError conflict while it runs
   */
  remove(wanted: string): Promise<number | false>;
}

export interface DownloadsOptions {
  readonly catalogue: Catalogue;
  readonly pulls: Pick<Pulls, "list" | "forget">;
}

export function createDownloads({ catalogue, pulls }: DownloadsOptions): Downloads {
  return {
    async list() {
      const files = await catalogue.list();
      const partial = new Map(files.filter(({ state }) => state === "partial").map((file) => [file.path, file]));
      const own: Download[] = [];
      for (const download of pulls.list()) {
        const file = await catalogue.find(download.reference, files);
        if (file !== undefined) partial.delete(file.path);
        // The file was deleted, so the model can be downloaded again.
        if (download.state === "done" && file?.state !== "whole") continue;
        own.push(download.state === "failed" && file !== undefined ? { ...download, ...sizesOf(file) } : download);
      }
      return [...own, ...[...partial.values()].map(stoppedDownload)];
    },
    async remove(wanted) {
      const own = pulls.list().find(({ reference, name }) => reference === wanted || name === wanted);
      if (own?.state === "running") {
        throw new WaggleError(
          "conflict",
          `Cannot delete the download of ${own.reference}: it is running. Stop it first.`,
        );
      }
      const failed = own?.state === "failed" && pulls.forget(own.reference);
      const file = await catalogue.find(wanted);
      if (file?.state === "partial") return (await catalogue.remove(file.path)).freedBytes;
      return failed ? 0 : false;
    },
  };
}

function stoppedDownload(file: DownloadedModel): Download {
  const { name, reference } = file;
  return { ...(reference === undefined ? {} : { reference }), name, state: "stopped", ...sizesOf(file) };
}

function sizesOf({ bytes, totalBytes }: DownloadedModel): Partial<Download> {
  if (totalBytes === undefined) return { done_bytes: bytes };
  return { done_bytes: bytes, total_bytes: totalBytes, progress: Math.min(1, bytes / Math.max(1, totalBytes)) };
}
