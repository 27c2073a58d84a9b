// Tests docs/troubleshooting.md: every message that it quotes is in the source of a program.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryPath } from "@waggle/testing/harness";
import { expect, it } from "vitest";

const page = readFileSync(repositoryPath("docs/troubleshooting.md"), "utf8");

/** Messages of npm and shells, and signs that are not messages. */
const othersWords = /^`(npm error|Unsupported engine|waggle: command)|^`(finish_reason|code)` is|^[A-Z][\w ]+[a-z]$/;

it("quotes only messages of our programs", () => {
  const sources = ["apps", "packages"].flatMap((folder) => sourcesIn(repositoryPath(folder))).join("\n");
  const messages = page
    .split("\n")
    .flatMap((line) => /^\| (`[^|]*?)\s*\|/.exec(line)?.[1] ?? [])
    .filter((message) => !othersWords.test(message));
  expect(messages.length).toBeGreaterThan(40);
  const strange = messages.filter((message) => !piecesOf(message).every((piece) => sources.includes(piece)));
  expect(strange).toEqual([]);
});

function piecesOf(message: string): string[] {
  const [, text = ""] = /`(.*)`/.exec(message) ?? [];
  return text
    .split("…")
    .map((piece) => piece.trim())
    .filter((piece) => piece.length > 3);
}

function sourcesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return ["node_modules", "dist"].includes(entry.name) ? [] : sourcesIn(path);
    return /(?<!\.test)\.ts$/.test(entry.name) ? [readFileSync(path, "utf8")] : [];
  });
}
