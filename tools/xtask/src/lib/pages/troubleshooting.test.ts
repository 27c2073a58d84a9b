// Tests docs/troubleshooting.md: every error code and exit code has its row, and every message that it quotes is one of ours.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryPath } from "@waggle/harness";
import { errorKinds, exitCodes } from "@waggle/protocol";
import { expect, it } from "vitest";

const page = readFileSync(repositoryPath("docs/troubleshooting.md"), "utf8");

/** The first two cells of each row of a section's tables. */
function rowsOf(section: string): string[][] {
  const [, text = ""] = page.split(`\n## ${section}\n`);
  const [table = ""] = text.split("\n## ");
  const rows = table.split("\n").filter((line) => /^\| (?!-)/.test(line));
  return rows.map((row) =>
    row
      .split("|")
      .slice(1, 3)
      .map((cell) => cell.trim()),
  );
}

it("has a row for every error code, with its status", () => {
  const due = Object.entries(errorKinds).map(([code, { status }]) => [`\`${code}\``, String(status)]);
  const rows = rowsOf("Error codes").slice(1);
  expect(new Set(rows.map((row) => row.join()))).toEqual(new Set(due.map((row) => row.join())));
  expect(rows).toHaveLength(due.length);
});

it("has a row for every exit code", () => {
  const codes = rowsOf("Exit codes")
    .slice(1)
    .map(([code]) => Number(code));
  expect(codes).toEqual(Object.values(exitCodes).toSorted((one, other) => one - other));
});

/** What npm and shells say, and what is no message but a sign. */
const othersWords = /^`(npm error|Unsupported engine|waggle: command)|^`(finish_reason|code)` is|^[A-Z][\w ]+[a-z]$/;

it("quotes only messages that the programs have", () => {
  const sources = ["apps", "packages"].flatMap((folder) => sourcesIn(repositoryPath(folder))).join("\n");
  const messages = page
    .split("\n## Error codes")[0]
    ?.split("\n")
    .flatMap((line) => /^\| (`[^|]*?)\s*\|/.exec(line)?.[1] ?? [])
    .filter((message) => !othersWords.test(message));
  expect(messages?.length).toBeGreaterThan(50);
  const strange = messages?.filter((message) => !piecesOf(message).every((piece) => sources.includes(piece)));
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
