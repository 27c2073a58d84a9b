// Warns a client whose request has fields of OpenAI's APIs, or keywords of a tool's schema, that this server ignores.
import { nearWord } from "@waggle/protocol";
import type { z } from "zod";
import type { AppContext } from "../server/context.ts";
import { readBody } from "./body.ts";

export const ignoredFieldsHeader = "x-ignored-fields";

/** Fields that clients send to every server, and that do not affect an answer. */
const hints: ReadonlySet<string> = new Set([
  ...["client_metadata", "metadata", "prediction", "prompt_cache_key", "prompt_cache_options"],
  ...["prompt_cache_retention", "safety_identifier", "service_tier", "stream_options", "user"],
]);

const mostNamed = 8;
/** A header cannot have other names, which may be more than a name. */
const shownName = /^\w{1,40}$/;

/** Reads the body like `readBody`. The response has a header with the names of the ignored fields, and the log a line. */
export async function readOpenAiBody<S extends z.ZodObject>(c: AppContext, schema: S): Promise<z.output<S>> {
  return await readBody(c, schema, (sent) => {
    const known = Object.keys(schema.shape);
    const fields = Object.entries(sent).filter(
      ([name, value]) =>
        !known.includes(name) && !hints.has(name) && shownName.test(name) && value != null && value !== false,
    );
    if (fields.length === 0) return;
    const names = fields.slice(0, mostNamed).map(([name]) => {
      const near = nearWord(name, known);
      return near === undefined ? name : `${name} (did you mean ${near}?)`;
    });
    tellIgnored(c, names);
  });
}

/** Adds the names to the header of the response, and writes them to the log. */
export function tellIgnored(c: AppContext, names: readonly string[]): void {
  c.header(ignoredFieldsHeader, names.join(", "), { append: true });
  // A batch may have thousands of lines, and its client gets no header of them.
  if (c.env?.lane === undefined) c.get("log").warn({ client: c.get("client"), fields: names }, "fields_ignored");
}
