// Tests that the reader of git bundles names what is wrong. The tests of templates read a whole bundle.
import { deflateSync } from "node:zlib";
import { expect, it } from "vitest";
import { filesInBundle } from "./git-bundle.ts";

it.each([
  ["it begins with PK", "PK\n\n", 0],
  ["it has no commit", `# v2 git bundle\n${"0".repeat(40)} HEAD\n\nPACK\0\0\0\x02\0\0\0\x01`, 3],
  ["object type 7 is unknown", `# v2 git bundle\n${"0".repeat(40)} HEAD\n\nPACK\0\0\0\x02\0\0\0\x01`, 7],
])("says of a bundle that %s", (problem, head, type) => {
  const bundle = Buffer.concat([Buffer.from(head), Buffer.from([type << 4]), deflateSync("Buzz")]);
  expect(() => filesInBundle(bundle, "templates")).toThrow(`Cannot read the git bundle: ${problem}`);
});
