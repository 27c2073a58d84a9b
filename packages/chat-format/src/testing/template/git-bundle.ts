// Reads the files of a folder from a git bundle, without git, which a machine that runs the tests may lack. Sources: git's documentation,
// gitformat-bundle and gitformat-pack.
import { createHash } from "node:crypto";
import { inflateSync } from "node:zlib";

interface GitObject {
  readonly type: string;
  readonly content: Buffer;
}

const types: Readonly<Record<number, string>> = { 1: "commit", 2: "tree", 3: "blob", 4: "tag" };
/** The type of an object that is stored as its difference from an earlier one. */
const offsetDelta = 6;
const packHeaderBytes = 12;
const idBytes = 20;

/**
 * @param folder path from the root, such as `models/templates`
 * @returns the contents of the files by name, at the first ref of the bundle
 * @throws Error if the bundle has no such folder, or has parts that this reader does not know
 */
export function filesInBundle(bundle: Buffer, folder: string): ReadonlyMap<string, Buffer> {
  const headerEnd = bundle.indexOf("\n\n");
  const [signature, ref = ""] = bundle.toString("latin1", 0, headerEnd).split("\n");
  if (signature !== "# v2 git bundle") fail(`it begins with ${signature}`);
  const objects = readPack(bundle.subarray(headerEnd + 2));

  function find(id: string, type: string): Buffer {
    const found = objects.get(id);
    if (found?.type !== type) fail(`it has no ${type} ${id}`);
    return found.content;
  }

  let tree = /^tree (\w+)/.exec(find(ref.slice(0, 2 * idBytes), "commit").toString())?.[1] ?? "";
  for (const name of folder.split("/")) tree = entriesOf(find(tree, "tree")).get(name) ?? "";
  const entries = [...entriesOf(find(tree, "tree"))];
  return new Map(entries.flatMap(([name, id]) => (objects.get(id)?.type === "blob" ? [[name, find(id, "blob")]] : [])));
}

/** @returns the ids of a tree's entries by name */
function entriesOf(tree: Buffer): Map<string, string> {
  const entries = new Map<string, string>();
  for (let at = 0; at < tree.length;) {
    const nameEnd = tree.indexOf(0, at);
    const [, name = ""] = /^\d+ (.*)/s.exec(tree.toString("utf8", at, nameEnd)) ?? [];
    at = nameEnd + 1 + idBytes;
    entries.set(name, tree.toString("hex", nameEnd + 1, at));
  }
  return entries;
}

/** @returns the objects of the pack by id */
function readPack(pack: Buffer): Map<string, GitObject> {
  const byOffset = new Map<number, GitObject>();
  const byId = new Map<string, GitObject>();
  const cursor = { bytes: pack, at: packHeaderBytes };
  for (let left = pack.readUInt32BE(8); left > 0; left -= 1) {
    const start = cursor.at;
    const type = ((pack[start] ?? 0) >> 4) & 7;
    readSize(cursor);
    const base = type === offsetDelta ? byOffset.get(start - readDistance(cursor)) : undefined;
    const content = inflate(cursor);
    const object =
      base === undefined
        ? { type: types[type] ?? fail(`object type ${type} is unknown`), content }
        : { type: base.type, content: applyDelta(base.content, content) };
    byOffset.set(start, object);
    const header = `${object.type} ${object.content.length}\0`;
    byId.set(createHash("sha1").update(header).update(object.content).digest("hex"), object);
  }
  return byId;
}

interface Cursor {
  readonly bytes: Buffer;
  at: number;
}

function fail(problem: string): never {
  throw new Error(`Cannot read the git bundle: ${problem}`);
}

function next(cursor: Cursor): number {
  return cursor.bytes[cursor.at++] ?? fail("it ends in an object");
}

/** Seven bits a byte, the low ones first. The first byte of an object also has its type, so this number is not its size, which is not needed. */
function readSize(cursor: Cursor): number {
  let size = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = next(cursor);
    size += (byte & 0x7f) * 2 ** shift;
    if ((byte & 0x80) === 0) return size;
  }
}

/** Seven bits a byte, the high ones first; each further byte also adds 1, so that no number has two forms. */
function readDistance(cursor: Cursor): number {
  let byte = next(cursor);
  let distance = byte & 0x7f;
  while ((byte & 0x80) !== 0) {
    byte = next(cursor);
    distance = (distance + 1) * 0x80 + (byte & 0x7f);
  }
  return distance;
}

function inflate(cursor: Cursor): Buffer {
  // The types of Node leave out what `info` returns.
  const { buffer, engine } = inflateSync(cursor.bytes.subarray(cursor.at), { info: true }) as unknown as {
    readonly buffer: Buffer;
    readonly engine: { readonly bytesWritten: number };
  };
  cursor.at += engine.bytesWritten;
  return buffer;
}

/** @param delta instructions that copy from the base, and bytes to insert */
function applyDelta(base: Buffer, delta: Buffer): Buffer {
  const cursor = { bytes: delta, at: 0 };
  const [baseSize, size] = [readSize(cursor), readSize(cursor)];
  const parts: Buffer[] = [];
  while (cursor.at < delta.length) {
    const instruction = next(cursor);
    if ((instruction & 0x80) === 0) {
      parts.push(delta.subarray(cursor.at, (cursor.at += instruction)));
      continue;
    }
    // Bits 0 to 3 say which bytes of the offset follow, bits 4 to 6 which of the length.
    const [offset = 0, length = 0] = [
      [0, 1, 2, 3],
      [4, 5, 6],
    ].map((bits) =>
      bits.reduce((sum, bit, i) => sum + ((instruction >> bit) & 1 ? next(cursor) * 2 ** (8 * i) : 0), 0),
    );
    parts.push(base.subarray(offset, offset + (length === 0 ? 0x10000 : length)));
  }
  const content = Buffer.concat(parts);
  if (base.length !== baseSize || content.length !== size) fail("a delta is incomplete");
  return content;
}
