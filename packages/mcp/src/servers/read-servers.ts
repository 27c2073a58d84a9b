// Reads the file with the MCP servers, in the form that other programs use: {"mcpServers": {name: {command, args, env} or {url, headers}}}. The field
// `alwaysAllow` lists the tools that run without consent. Errors name file, server and field, and never a value: values may be secrets.
import { readText } from "@waggle/async";
import { z } from "zod";

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

const HttpSchema = z.object({
  url: text(4_096).refine(isWebAddress, "must be an http:// or https:// URL"),
  headers: TextsSchema.default({}),
  alwaysAllow: AllowedSchema,
});

/** @throws McpFileError */
export function readServers(path: string): readonly ServerSpec[] {
  const refuse = (why: string): McpFileError => new McpFileError(`Cannot use the MCP file ${path}: ${why}.`);
  let file: unknown;
  try {
    file = JSON.parse(readText(path, { maxBytes: maxFileBytes }));
  } catch (error) {
    // The message of JSON.parse quotes the file.
    throw refuse(error instanceof SyntaxError ? "it is not JSON" : (error as Error).message);
  }
  const servers = isObject(file) ? file["mcpServers"] : undefined;
  if (!isObject(servers)) throw refuse('it has no object "mcpServers"');
  const entries = Object.entries(servers).filter(([, entry]) => !isObject(entry) || entry["disabled"] !== true);
  if (entries.length > maxServers) throw refuse(`it has more than ${maxServers} servers`);
  return entries.map(([name, entry]) => {
    const problem = (why: string): McpFileError => refuse(`server "${name.slice(0, 64)}": ${why}`);
    if (!/^[A-Za-z0-9-]+(?:_[A-Za-z0-9-]+)*$/.test(name) || name.length > 32) {
      throw problem("its name must be 1 to 32 letters, digits, - and single _ between them");
    }
    if (!isObject(entry)) throw problem("it must be an object");
    return specOf(name, entry, problem);
  });
}

function specOf(name: string, entry: object, problem: (why: string) => McpFileError): ServerSpec {
  const isStdio = "command" in entry;
  if (isStdio && "url" in entry) throw problem('the fields "command" and "url" exclude each other');
  if (!isStdio && !("url" in entry)) throw problem('it needs the field "command" or the field "url"');
  if ("type" in entry && entry.type === "sse")
    throw problem('field "type": the old transport sse is not supported; use the server\'s streamable HTTP URL');
  const parsed = (isStdio ? StdioSchema : HttpSchema).safeParse(entry);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw problem(`field "${issue?.path.map(String).join(".") ?? ""}" ${issue?.message ?? "is invalid"}`);
  }
  const { alwaysAllow, ...given } = parsed.data;
  const transport = "command" in given ? { kind: "stdio" as const, ...given } : { kind: "http" as const, ...given };
  return { name, transport, alwaysAllow: new Set(alwaysAllow) };
}

function isWebAddress(url: string): boolean {
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
