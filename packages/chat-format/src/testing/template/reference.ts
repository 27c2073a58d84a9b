// Renders templates with Python's Jinja, in the setup of transformers: the results are the reference for this renderer.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Conversation } from "./conversations.ts";

/** The Python of Debian's `python3-jinja2`; on other systems, set WAGGLE_PYTHON. */
const python = process.env["WAGGLE_PYTHON"] ?? "/usr/bin/python3";
const maxOutputBytes = 256 << 20;

/** Date of all renderings, so that results do not depend on the day of the test. */
export const pinnedDate = new Date(2026, 10, 21, 12, 3, 4);
const pinnedText = "2026-11-21T12:03:04";

/** A text; undefined if Jinja refuses. */
export type Expected = string | undefined;

/**
 * Returns each template's results in the order of the conversations.
 * @throws Error if Python or its Jinja is missing
 */
export function renderWithJinja(
  templates: readonly (readonly [string, string])[],
  conversations: readonly Conversation[],
): ReadonlyMap<string, readonly Expected[]> {
  const given = conversations.map(({ name, values }) => `[${JSON.stringify(name)}, ${jsonOf(values)}]`);
  const input = `{"now": "${pinnedText}", "templates": ${JSON.stringify(templates)}, "conversations": [${given.join()}]}`;
  const script = fileURLToPath(new URL("./reference.py", import.meta.url));
  const { error, status, stdout, stderr } = spawnSync(python, [script], {
    input,
    encoding: "utf8",
    maxBuffer: maxOutputBytes,
  });
  if (error !== undefined) throw new Error(`Cannot run ${python}: ${error.message}`, { cause: error });
  if (status !== 0) throw new Error(`Cannot render with Jinja (Debian's python3-jinja2 has it): ${stderr}`);
  const results = JSON.parse(stdout) as Record<string, readonly { readonly text?: string }[]>;
  return new Map(Object.entries(results).map(([name, all]) => [name, all.map(({ text }) => text)]));
}

/** JSON for Python. JsonText is passed on unchanged. */
function jsonOf(value: unknown): string {
  if (value instanceof Map) return String(value.get("json"));
  if (Array.isArray(value)) return `[${value.map(jsonOf).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, item]) => `${JSON.stringify(key)}: ${jsonOf(item)}`)
    .join()}}`;
}

const hashChars = 12;

/** A short hash, since thousands are recorded. */
export function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, hashChars);
}

/** Represents a refusal in the records. */
export const refusal = "-";

/** By template: the hash of its source and the hashes of its renderings, with spaces between them. */
export type TemplateRecords = Readonly<Record<string, string>>;

/** By source: the text, or null if Jinja refuses. */
export type SnippetRecords = Readonly<Record<string, string | null>>;

export const templateRecords = new URL("./recorded-templates.json", import.meta.url);
export const snippetRecords = new URL("./recorded-snippets.json", import.meta.url);

export function readRecords<T>(file: URL): T {
  return JSON.parse(readFileSync(file, "utf8")) as T;
}
