// Reads the file with the MCP servers, in the form that other programs use: {"mcpServers": {name: {command, args, env} or {url, headers}}}. The field
// `alwaysAllow` lists the tools that run without consent. Errors name file, server and field, and never a value: values may be secrets.
import { readText } from "@waggle/async";
import { z } from "zod";
import { isObject } from "../connection/json.ts";

const maxFileBytes = 1_048_576;
const maxServers = 32;

export interface ServerSpec {
  readonly name: string;
  readonly transport:
    | {
        readonly kind: "stdio";
        readonly command: string;
        readonly args: readonly string[];
        readonly env: Readonly<Record<string, string>>;
      }
    | { readonly kind: "http"; readonly url: string; readonly headers: Readonly<Record<string, string>> };
  /** Names of the tools that need no consent. */
  readonly alwaysAllow: ReadonlySet<string>;
}

/** The file cannot be used. The message is for the operator. */
export class McpFileError extends Error {
  override readonly name = "McpFileError";
}

const text = (chars: number): z.ZodString =>
  z.string("must be a text").max(chars, `must have at most ${chars} characters`);
const TextsSchema = z.record(z.string(), text(65_536), "must be an object of texts");
const AllowedSchema = z
  .array(text(256), "must be a list of tool names")
  .max(512, "must have at most 512 names")
  .default([]);

const StdioSchema = z.object({
  command: text(4_096).min(1, "must not be empty"),
  args: z.array(text(65_536), "must be a list of texts").max(256, "must have at most 256 texts").default([]),
  env: TextsSchema.default({}),
  alwaysAllow: AllowedSchema,
});

/** RFC 9110, 5.1 and 5.5. The error of fetch names neither header nor server. */
const HeadersSchema = z
  .record(
    z.string(),
    text(65_536).regex(/^[\t\u0020-\u007e\u0080-\u00ff]*$/, "has characters that HTTP headers forbid"),
    "must be an object of texts",
  )
  .refine(
    (headers) => Object.keys(headers).every((name) => /^[\w!#$%&'*+.^`|~-]+$/.test(name)),
    "has a name that HTTP headers forbid",
  );

const HttpSchema = z.object({
  url: text(4_096).refine(isWebAddress, "must be an http:// or https:// URL"),
  headers: HeadersSchema.default({}),
  alwaysAllow: AllowedSchema,
});

/** @throws McpFileError with all mistakes */
export function readServers(path: string): readonly ServerSpec[] {
  const refuse = (why: string): McpFileError => new McpFileError(`Cannot use the MCP file ${path}: ${why}.`);
  let content: string;
  try {
    content = readText(path, { maxBytes: maxFileBytes });
  } catch (error) {
    throw refuse((error as Error).message);
  }
  let file: unknown;
  try {
    file = JSON.parse(content);
  } catch (error) {
    throw refuse(`it is not JSON${lineWords(error as SyntaxError, content)}`);
  }
  const servers = isObject(file) ? file["mcpServers"] : undefined;
  if (!isObject(servers)) throw refuse('it has no object "mcpServers"');
  const entries = Object.entries(servers).filter(([, entry]) => !isObject(entry) || entry["disabled"] !== true);
  if (entries.length > maxServers) throw refuse(`it has more than ${maxServers} servers`);
  const problems: string[] = [];
  const specs = entries.flatMap(([name, entry]) => {
    const read = specOf(name, entry);
    if ("transport" in read) return [read];
    problems.push(`server "${name.slice(0, 64)}": ${read.join(", ")}`);
    return [];
  });
  if (problems.length > 0) throw refuse(problems.join("; "));
  return specs;
}

/** The message of JSON.parse quotes the file, so only its position is read, which some messages of Node 20 leave out. */
function lineWords({ message }: SyntaxError, content: string): string {
  const [, position] = /position (\d+)/.exec(message) ?? [];
  return position === undefined ? "" : ` (line ${content.slice(0, Number(position)).split("\n").length})`;
}

/** @returns the mistakes, if there are any */
function specOf(name: string, entry: unknown): ServerSpec | readonly string[] {
  if (!/^[A-Za-z0-9-]+(?:_[A-Za-z0-9-]+)*$/.test(name) || name.length > 32) {
    return ["its name must be 1 to 32 letters, digits, - and single _ between them"];
  }
  if (!isObject(entry)) return ["it must be an object"];
  const isStdio = "command" in entry;
  if (isStdio && "url" in entry) return ['the fields "command" and "url" exclude each other'];
  if (!isStdio && !("url" in entry)) return ['it needs the field "command" or the field "url"'];
  if (entry["type"] === "sse")
    return ['field "type": the old transport sse is not supported; use the server\'s streamable HTTP URL'];
  const parsed = (isStdio ? StdioSchema : HttpSchema).safeParse(entry);
  if (!parsed.success)
    return parsed.error.issues.map(({ path, message }) => `field "${path.map(String).join(".")}" ${message}`);
  const { alwaysAllow, ...given } = parsed.data;
  const transport = "command" in given ? { kind: "stdio" as const, ...given } : { kind: "http" as const, ...given };
  return { name, transport, alwaysAllow: new Set(alwaysAllow) };
}

function isWebAddress(url: string): boolean {
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
}
