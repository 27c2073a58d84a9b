// Reads and writes the record of a download: a file next to the model, with the requested reference and the model's parts. It is written before
// the first byte arrives, so that Waggle recognises partial downloads. The record does not tell whether the download is complete: the files do.
import { randomBytes } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import { readTextLater } from "@waggle/async";
import { ModelNameSchema } from "@waggle/protocol";
import type { RemoteFile } from "./describe-file.ts";
import { isProjectorName } from "./projector-names.ts";

const mostRecordBytes = 1 << 20;
/** Limit for the reference in a record: a damaged record must not put a huge line into a list. */
const mostReferenceChars = 4_096;
/** Further references are forgotten: a list for each spelling must not grow. */
const mostReferences = 8;
const kind = "waggle-download";

export type RecordedPart = Pick<RemoteFile, "sizeBytes" | "sha256" | "version">;

export interface DownloadRecord {
  /** The requested reference, without credentials, query and fragment. */
  readonly reference: string;
  /** The place of a hub's file, by `hubPlace`: another reference to the same file finds this download. */
  readonly place?: string | undefined;
  /** Other references by which the same file was requested. */
  readonly also?: readonly string[];
  /** The model's default name; undefined if requests cannot use it. */
  readonly name: string | undefined;
  readonly parts: readonly RecordedPart[];
  /** Template, system prompt and parameters from Ollama's registry. */
  readonly extras: Readonly<Record<string, unknown>> | undefined;
  /** Name of the projector's file, next to the model; null if the model has none, undefined if none was asked for. */
  readonly projector?: string | null | undefined;
}

/** @param path path of the first part */
export function recordPath(path: string): string {
  return `${path}.json`;
}

/** The record with one more reference to its file. */
export function withReference(record: DownloadRecord, reference: string): DownloadRecord {
  const { also = [] } = record;
  if (reference === record.reference || also.includes(reference)) return record;
  return { ...record, also: [reference, ...also].slice(0, mostReferences) };
}

/** @param path path of the first part. @returns undefined if the record is missing or damaged */
export async function readRecord(path: string): Promise<DownloadRecord | undefined> {
  try {
    return recordOf(JSON.parse(await readTextLater(recordPath(path), { maxBytes: mostRecordBytes })));
  } catch {
    return undefined;
  }
}

/** @throws errors of the file system */
export async function writeRecord(path: string, record: DownloadRecord): Promise<void> {
  await replaceFile(recordPath(path), { kind, ...record });
}

/** Writes a JSON file as a whole: readers see the old or the new content. @throws errors of the file system */
export async function replaceFile(path: string, content: object): Promise<void> {
  const aside = `${path}.${randomBytes(4).toString("hex")}`;
  try {
    await writeFile(aside, JSON.stringify(content, undefined, 1));
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true }).catch(() => {});
    throw error;
  }
}

export function recordedPart({ sizeBytes, sha256, version }: RemoteFile): RecordedPart {
  return { sizeBytes, sha256, version };
}

/** Whether a local file equals the server's current file. Compares hashes or versions if both sides have them, else only sizes. */
export function isSamePart(part: RecordedPart | undefined, sizeBytes: number, remote: RemoteFile): boolean {
  if (part?.sha256 !== undefined && remote.sha256 !== undefined) return part.sha256 === remote.sha256;
  if (part?.version !== undefined && remote.version !== undefined && part.version !== remote.version) return false;
  return remote.sizeBytes === undefined || remote.sizeBytes === sizeBytes;
}

function recordOf(value: unknown): DownloadRecord | undefined {
  const record = value as Partial<Record<keyof DownloadRecord | "kind", unknown>> | null;
  if (record?.kind !== kind || !isReference(record.reference)) return undefined;
  if (!Array.isArray(record.parts) || typeof record.name !== "string" || record.name === "") return undefined;
  const { extras, projector, place, also } = record;
  return {
    reference: record.reference,
    place: isReference(place) ? place : undefined,
    also: Array.isArray(also) ? also.filter(isReference).slice(0, mostReferences) : [],
    name: ModelNameSchema.safeParse(record.name).data,
    parts: record.parts.map(partOf),
    extras: typeof extras === "object" && extras !== null ? (extras as Record<string, unknown>) : undefined,
    projector: projector === null || isFileName(projector) ? projector : undefined,
  };
}

function isReference(value: unknown): value is string {
  return typeof value === "string" && value.length <= mostReferenceChars && !/\p{Cc}/u.test(value);
}

function isFileName(value: unknown): value is string {
  return typeof value === "string" && isProjectorName(value) && !/[/\\\p{Cc}]/u.test(value);
}

function partOf(value: unknown): RecordedPart {
  const { sizeBytes, sha256, version } = (value ?? {}) as Partial<Record<keyof RecordedPart, unknown>>;
  return {
    sizeBytes: Number.isSafeInteger(sizeBytes) ? (sizeBytes as number) : undefined,
    sha256: typeof sha256 === "string" && /^[\da-f]{64}$/.test(sha256) ? sha256 : undefined,
    version: typeof version === "string" ? version : undefined,
  };
}
