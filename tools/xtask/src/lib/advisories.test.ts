// Tests that a version in the range of an advisory is a problem, and that the lockfile has none.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryPath } from "@waggle/testing/harness";
import { expect, it } from "vitest";
import { advisoryProblems, affectedIn, type Advisory } from "./advisories.ts";

const root = repositoryPath("");
const lockfile = readFileSync(join(root, "pnpm-lock.yaml"), "utf8");
const list = JSON.parse(readFileSync(join(root, ".ci/advisories.json"), "utf8")) as readonly Advisory[];

it("the lockfile has no affected version", () => {
  expect(advisoryProblems(root)).toEqual([]);
});

it("the version of pdfjs-dist that was replaced is a problem, which names the advisory", () => {
  const old = lockfile.replaceAll(/pdfjs-dist@[\d.]+/g, "pdfjs-dist@5.6.205");
  expect(affectedIn(old, list)).toEqual([
    expect.stringMatching(/^pdfjs-dist 5\.6\.205: GHSA-hq66-cqwq-w95j .* affects 5\.6\.83 and later, before 6\.2\.108/),
  ]);
});

it.each([
  ["5.6.82", 0],
  ["5.6.83-rc.1", 0],
  ["5.6.83", 1],
  ["5.10.0", 1],
  ["6.2.107", 1],
  ["6.2.108-beta.2", 1],
  ["6.2.108", 0],
  ["10.0.0", 0],
])("an advisory from 5.6.83 and before 6.2.108, and version %s: %s problems", (version, problems) => {
  const one = { package: "@a/b", from: "5.6.83", before: "6.2.108", advisory: "GHSA-x", why: "We use it." };
  const text = `packages:\n\n  '@a/b@${version}':\n    resolution: {}\n\n  c@5.9.9:\n    resolution: {}\n`;
  expect(affectedIn(text, [one])).toHaveLength(problems);
});

it("each advisory names a package in the lockfile, and a lockfile without packages is a problem", () => {
  for (const { package: name } of list) expect(lockfile).toContain(`\n  ${name}@`);
  expect(affectedIn("snapshots:\n", list)).toHaveLength(1);
});
