// Reads the answer to a call, part by part: a part that is unknown or malformed becomes a note, and the others are kept.
import { isDeepStrictEqual } from "node:util";
import { cutResult } from "./call-outcome.ts";
import type { CallOutcome, CallPicture } from "./call-outcome.ts";
import { isObject, isWithinDepth } from "./json.ts";
import type { JsonObject } from "./json.ts";
import { resultLimits as limits } from "./limits.ts";

/** @param result the `result` of the answer, whatever it is */
export function readResult(result: unknown): CallOutcome {
  if (!isObject(result)) return { kind: "done", text: cutResult(resultValueText(result) ?? "[The result is empty.]") };
  const pictures = createPictures();
  const { content, structuredContent: structured, isError, resultType, inputRequests } = result;
  if (resultType === "input_required") return { kind: "tool_error", text: cutResult(inputText(inputRequests)) };
  const parts =
    content === undefined || content === null ? [] : Array.isArray(content) ? (content as unknown[]) : [content];
  const texts = parts.slice(0, limits.parts).map((part) => readPart(part, pictures));
  const lines = withCounts(texts);
  if (parts.length > limits.parts) lines.push(`[${parts.length - limits.parts} more parts, left out]`);
  const more = structuredText(structured, texts);
  if (more !== undefined) lines.push(more);
  if (lines.length === 0 && content === undefined && structured === undefined)
    lines.push(resultValueText(result) ?? "");
  return {
    kind: isError === true || isError === "true" ? "tool_error" : "done",
    text: cutResult(lines.join("\n")),
    ...(pictures.taken.length === 0 ? {} : { pictures: pictures.taken }),
  };
}

/** @param error the `error` of the answer, whatever it is: the server's words are the tool's */
export function readError(error: unknown): CallOutcome {
  const { message, code, data } = isObject(error) ? error : { message: error };
  const words = typeof message === "string" && message.trim() !== "" ? message : undefined;
  const more = typeof data === "string" && words?.includes(data) !== true ? data : undefined;
  const given = [words, more].filter((text) => text !== undefined).join("\n");
  const text =
    given === "" ? `The tool failed${typeof code === "number" ? ` with the error code ${code}` : ""}.` : given;
  return { kind: "tool_error", text: cutResult(text) };
}

/** The server asks for the answer of a user or a model, though Waggle offers none. */
function inputText(requests: unknown): string {
  const methods = Object.values(isObject(requests) ? requests : {}).map((one) => isObject(one) && one["method"]);
  const named = [...new Set(methods.filter((method) => typeof method === "string"))].join(", ");
  return `The tool asks for input${named === "" ? "" : ` (${named})`}, which it cannot get here.`;
}

interface Pictures {
  readonly taken: CallPicture[];
  /** @returns the note in the picture's place */
  note(type: string, mimeType: unknown, data: unknown): string;
}

function createPictures(): Pictures {
  const taken: CallPicture[] = [];
  let chars = 0;
  return {
    taken,
    note(type, mimeType, data) {
      const named = `${type} of ${typeof mimeType === "string" ? `type ${mimeType.slice(0, limits.typeChars)}` : "an unknown type"}`;
      const bytes = typeof data === "string" ? data.replace(/^data:[^,]{0,128},/, "") : "";
      const fits =
        typeof mimeType === "string" &&
        /^image\/[\w.+-]{1,58}$/.test(mimeType) &&
        /^[\w+/-][\w+/=\s-]*$/.test(bytes) &&
        taken.length < limits.pictures &&
        chars + bytes.length <= limits.pictureChars;
      if (!fits) return `[${named}, left out]`;
      chars += bytes.length;
      // The base64 of some servers has line breaks, or the alphabet of URLs.
      taken.push({ mimeType, data: Buffer.from(bytes, "base64").toString("base64") });
      return `[${named}]`;
    },
  };
}

function readPart(part: unknown, pictures: Pictures): string {
  if (!isObject(part)) return resultValueText(part) ?? "[empty part, left out]";
  const { type, text, uri, mimeType, data, resource } = part;
  const known = typeof type === "string" ? type : undefined;
  switch (known) {
    case "image":
    case "audio":
      return pictures.note(known, mimeType, data);
    case "resource_link":
      return linkText(uri) ?? "[link without a URI, left out]";
    case "resource":
      return isObject(resource)
        ? readResource(resource, pictures)
        : (resultValueText(resource) ?? "[empty resource, left out]");
    default: {
      const isText = known === undefined || /text/.test(known);
      const readable = isText && typeof text !== "object" ? resultValueText(text) : undefined;
      return (
        readable ??
        `[part ${known === undefined ? "without a type" : `of type "${known.slice(0, limits.typeChars)}"`}, left out]`
      );
    }
  }
}

function readResource({ text, blob, uri, mimeType }: JsonObject, pictures: Pictures): string {
  if (typeof text === "string") return text;
  if (typeof blob === "string" && typeof mimeType === "string" && mimeType.startsWith("image/")) {
    return pictures.note("image", mimeType, blob);
  }
  return `[data of ${typeof uri === "string" ? uri.slice(0, limits.uriChars) : "an unnamed resource"}, left out]`;
}

function linkText(uri: unknown): string | undefined {
  return typeof uri === "string" ? `[link to ${uri.slice(0, limits.uriChars)}]` : undefined;
}

/** Undefined for nothing. */
function resultValueText(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") return value;
  return isWithinDepth(value, limits.depth) ? JSON.stringify(value) : "[value with too many levels, left out]";
}

/** Many equal notes in a row are one line. */
function withCounts(texts: readonly string[]): string[] {
  const lines: string[] = [];
  let count = 1;
  for (const [index, text] of texts.entries()) {
    const isRepeated = text === texts[index + 1] && /^\[.*\]$/.test(text);
    if (isRepeated) count += 1;
    else {
      lines.push(count === 1 ? text : `${text} (${count} times)`);
      count = 1;
    }
  }
  return lines;
}

/** Undefined if the texts contain it: the specification asks servers to repeat it as text, and libraries repeat a plain value without its object. */
function structuredText(structured: unknown, texts: readonly string[]): string | undefined {
  const text = resultValueText(structured);
  if (text === undefined) return undefined;
  const plain = isObject(structured) && Object.keys(structured).join() === "result" ? structured["result"] : structured;
  const said = texts.map(parsedOrText);
  const isSaid = [structured, plain].some(
    (value) =>
      isDeepStrictEqual(value, said) || said.some((one, at) => value === texts[at] || isDeepStrictEqual(value, one)),
  );
  return isSaid ? undefined : text;
}

function parsedOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
