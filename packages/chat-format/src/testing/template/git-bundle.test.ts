// Tests the reader of git bundles on bundles that are made here. The tests of templates read node-llama-cpp's bundle.
import { createHash } from "node:crypto";
import { deflateSync } from "node:zlib";
import { expect, it } from "vitest";
import { filesInBundle } from "./git-bundle.ts";

const numberOf = { commit: 1, tree: 2, blob: 3 } as const;

function idOf(type: string, content: Buffer): string {
  return createHash("sha1").update(`${type} ${content.length}\0`).update(content).digest("hex");
}

function treeOf(entries: Readonly<Record<string, string>>): Buffer {
  const parts = Object.entries(entries).map(([name, id]) =>
    Buffer.concat([Buffer.from(`100644 ${name}\0`), Buffer.from(id, "hex")]),
  );
  return Buffer.concat(parts);
}

/** The reader ignores the size in the first byte. */
const packed = (type: number, content: Buffer, base: readonly number[] = []): Buffer =>
  Buffer.concat([Buffer.from([type << 4, ...base]), deflateSync(content)]);

const text = Buffer.from("Buzz, said the bee. ".repeat(20));
const changed = Buffer.concat([text.subarray(300), Buffer.from("Hum"), text.subarray(0, 40)]);
/** Copies 100 bytes from offset 300, inserts 3 bytes, and copies 40 bytes from offset 0. */
const delta = Buffer.from([0x90, 0x03, 0x8f, 0x01, 0x93, 44, 1, 100, 3, ...Buffer.from("Hum"), 0x90, 40]);

const folder = treeOf({ "a.jinja": idOf("blob", text), "b.jinja": idOf("blob", changed) });
const root = treeOf({ other: idOf("blob", text), templates: idOf("tree", folder) });
const commit = Buffer.from(`tree ${idOf("tree", root)}\nauthor a bee\n\nMade up.\n`);

function bundleOf(objects: readonly Buffer[]): Buffer {
  const header = Buffer.from("PACK\0\0\0\x02\0\0\0\0");
  header.writeUInt32BE(objects.length, 8);
  return Buffer.concat([Buffer.from(`# v2 git bundle\n${idOf("commit", commit)} HEAD\n\n`), header, ...objects]);
}

const blob = packed(numberOf.blob, text);
const commitAndTrees = [
  packed(numberOf.commit, commit),
  packed(numberOf.tree, root),
  packed(numberOf.tree, folder),
] as const;

it("reads whole files, and files given by their difference from an earlier one", () => {
  const bundle = bundleOf([...commitAndTrees, blob, packed(6, delta, [blob.length])]);
  expect([...filesInBundle(bundle, "templates")]).toEqual([
    ["a.jinja", text],
    ["b.jinja", changed],
  ]);
});

it.each([
  ["a folder that is missing", bundleOf([...commitAndTrees, blob]), "models", "it has no tree"],
  ["a commit that is missing", bundleOf([blob]), "templates", "it has no commit"],
  ["another kind of file", Buffer.from("PK\n\n"), "templates", "it begins with PK"],
  ["a kind of object that it does not know", bundleOf([packed(7, text)]), "templates", "object type 7 is unknown"],
  [
    "an incomplete delta",
    bundleOf([blob, packed(6, delta.subarray(0, 8), [blob.length])]),
    "templates",
    "a delta is incomplete",
  ],
])("refuses %s", (_, bundle, path, problem) => {
  expect(() => filesInBundle(bundle, path)).toThrow(`Cannot read the git bundle: ${problem}`);
});
