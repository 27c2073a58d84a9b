// Reads what the messages of all dialects contain: texts, pictures, calls, and parts that the model cannot read. Such a part becomes a note, unless the
// user attaches it in the last turn: then the request is refused. Clients repeat their history, so a refusal of an earlier part would end a conversation.
import type { PastCall, ToolCall } from "@waggle/protocol";
import { unsupported } from "../body/fields.ts";

export interface UnreadPart {
  readonly type: "unread";
  /** What the model gets in the place of the part. */
  readonly note: string;
  /** The part's field, and why the part is refused. */
  readonly field: string;
  readonly why: string;
}

export type Part =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image_url"; readonly image_url: { readonly url: string } }
  | UnreadPart;

export type Content = string | readonly Part[];

/** A message that is not yet a prompt's: nothing is decided about its pictures and its unread parts. */
export type PromptMessage =
  | { readonly role: "system" | "developer"; readonly content: Content }
  | { readonly role: "user"; readonly content: Content }
  | { readonly role: "tool"; readonly content: Content; readonly tool_call_id: string }
  | {
      readonly role: "assistant";
      readonly content: Content | null;
      readonly reasoning_content?: string | undefined;
      readonly tool_calls?: readonly ToolCall[] | undefined;
    };

type Json = Readonly<Record<string, unknown>>;

/** Replaces a picture that is left out. */
export const pictureNote = "[image, left out]";
const nameChars = 128;

/** @param field the field of the content, for errors */
export function readContent(content: unknown, field: string): Content {
  if (typeof content === "string") return content;
  const parts = Array.isArray(content)
    ? content.flatMap((part, at) => readPart(part, `${field}.${at}`))
    : readPart(content, field);
  const [first] = parts;
  return first === undefined ? "" : first.type === "text" && parts.length === 1 ? first.text : parts;
}

/** The content of an answer: its thoughts may be parts. */
export function readAnswer(content: unknown, field: string): { readonly words: Content; readonly thoughts: string } {
  if (!Array.isArray(content)) return { words: readContent(content, field), thoughts: "" };
  const areThoughts = (part: unknown): boolean => /^(?:redacted_)?(?:thinking|reasoning)$/.test(typeOf(part));
  return {
    words: readContent(
      content.filter((part) => !areThoughts(part)),
      field,
    ),
    thoughts: content
      .filter(areThoughts)
      .map((part) => textOf(readContent([part], field)).trimEnd())
      .filter((text) => text !== "")
      .join("\n\n"),
  };
}

function readPart(part: unknown, field: string): readonly Part[] {
  if (part == null) return [];
  if (typeof part === "string") return [textPart(part)];
  const json = recordOf(part);
  const type = typeOf(part);
  switch (type) {
    case "text":
    case "input_text":
    case "output_text":
    case "summary_text":
    case "reasoning_text":
    case "refusal": {
      const text = type === "refusal" ? json["refusal"] : json["text"];
      if (typeof text === "string" || text === null) return [textPart(text ?? "")];
      return [unread("", `${field}.${type === "refusal" ? type : "text"}`, "must be a text")];
    }
    case "thinking":
    case "reasoning":
      return [textPart(textOf(readContent(json["thinking"] ?? json["text"], field)))];
    case "image":
    case "image_url":
    case "input_image":
    case "computer_screenshot": {
      const url = pictureIn(json);
      if (url !== undefined) return [{ type: "image_url", image_url: { url } }];
      return [
        unread(pictureNote, fieldOf(json, field), "files are not stored; send the picture as a data: URL or as base64"),
      ];
    }
    case "document":
    case "file":
    case "input_file":
      return readFile(json, field);
    case "redacted_thinking":
      return [unread(`[${type}, left out]`, field, "only its provider can read it; leave it out")];
    case "compaction":
      if (typeof json["content"] === "string") return [textPart(json["content"])];
      throw unsupported(field, "only its provider can read this summary; send the messages, or a summary as text");
    case "search_result": {
      const { title, source, content } = json;
      const head = [title, source].filter((line) => typeof line === "string").join("\n");
      return [textPart(`${head}\n${textOf(readContent(content, field))}`.trim())];
    }
    case "json":
      return [textPart(JSON.stringify(json["json"] ?? json["value"] ?? json["data"] ?? null))];
    default: {
      const name = type.slice(0, nameChars) || "part";
      const kept = readable(json);
      const note = kept === undefined ? `[${name}, left out]` : `[${name} ${JSON.stringify(kept)}]`;
      return [unread(note, `${field}.type`, `"${name}" cannot be read; send its content as text`)];
    }
  }
}

function typeOf(part: unknown): string {
  const { type, text } = recordOf(part);
  return typeof type === "string" ? type : typeof text === "string" ? "text" : "";
}

/** The member with the file. */
function fieldOf(json: Json, field: string): string {
  const member = ["file_id", "file_data", "file_url", "file", "source"].find((key) => json[key] != null);
  return member === undefined ? field : `${field}.${member}`;
}

function recordOf(value: unknown): Json {
  return typeof value === "object" && value !== null ? (value as Json) : {};
}

function textPart(text: string): Part {
  return { type: "text", text };
}

function unread(note: string, field: string, why: string): UnreadPart {
  return { type: "unread", note, field, why };
}

function pictureIn({ image_url: image, source, data }: Json): string | undefined {
  const { url = recordOf(source)["url"] } = recordOf(image);
  return [image, url, recordOf(source)["data"], data].find((one) => typeof one === "string");
}

/** The text of a text file; a note for any other. */
function readFile(json: Json, field: string): readonly Part[] {
  const file = { ...json, ...recordOf(json["file"]) };
  const source = recordOf(file["source"]);
  const [name = ""] = [file["title"], file["filename"]].filter(isText);
  const context = [file["context"]].filter(isText);
  const head = [name, ...context].filter(isText).map((line) => `${line}\n`);
  if (source["type"] === "content")
    return [textPart(head.join("")), ...partsIn(readContent(source["content"], `${field}.source.content`))];
  const [, declared, base64] =
    /^data:([^;,]*)[^,]*;base64,(.*)$/s.exec(typeof file["file_data"] === "string" ? file["file_data"] : "") ?? [];
  const media = declared ?? source["media_type"];
  const text = source["type"] === "text" ? source["data"] : textIn(base64 ?? file["file_data"], media);
  // A text that began as base64 does was taken for a picture while the body arrived.
  if (typeof text === "string" && !isLifted(text)) return [textPart(head.join("") + text)];
  const [url] = [file["file_url"], source["url"]].filter(isText).filter((one) => !isData(one));
  const kind = isText(media) ? ` of type ${media.slice(0, nameChars)}` : "";
  const called = name === "" ? "" : ` ${JSON.stringify(name.slice(0, nameChars))}`;
  const note = `[document${called}${kind}${url === undefined ? "" : ` at ${url}`}, left out]`;
  const why = `a document${kind} cannot be read; send its text`;
  return [unread([...context, note].join("\n"), fieldOf(json, field), why)];
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function textIn(base64: unknown, media: unknown): string | undefined {
  if (typeof base64 !== "string" || base64 === "") return undefined;
  if (typeof media === "string" && !/^(?:text\/|application\/(?:json|xml|yaml|javascript)|$)/.test(media))
    return undefined;
  const bytes = Buffer.from(base64, "base64");
  if (bytes.includes(0) || bytes.subarray(0, 4).equals(Buffer.from("%PDF"))) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function isLifted(text: string): boolean {
  return /^(?:sha256:[0-9a-f]{64}|unread:\d+)$/.test(text);
}

/** Says nothing to a model. */
const mute =
  /^(?:type|status|caller|annotations|citations|signature|fingerprint|logprobs|cache_control)$|^id$|_id$|^encrypted_/;
const isData = (text: string): boolean => isLifted(text) || /^data:[^,]*;base64,/.test(text);
const isBase64 = (key: string, member: unknown): boolean =>
  /data|b64|base64|blob/.test(key) && typeof member === "string" && /^[\w+/=-]{256,}$/.test(member);

/** The value without ids, and without what only programs read; undefined if nothing is left. */
export function readable(value: unknown): unknown {
  if (value === null || value === "") return undefined;
  if (typeof value === "string") return isData(value) ? "[data, left out]" : value;
  if (typeof value !== "object") return value;
  if (Array.isArray(value)) {
    const items = value.map(readable).filter((item) => item !== undefined);
    return items.length === 0 ? undefined : items;
  }
  const members = Object.entries(value).flatMap(([key, member]) => {
    const kept = mute.test(key) || isBase64(key, member) ? undefined : readable(member);
    return kept === undefined ? [] : [[key, kept] as const];
  });
  // Some objects have only a type, such as the outcome of a shell's command that took too long.
  if (members.length === 0) return Object.keys(value).length === 1 ? (value as Json)["type"] : undefined;
  return Object.fromEntries(members);
}

export function partsIn(content: Content): readonly Part[] {
  if (typeof content !== "string") return content;
  return content === "" ? [] : [textPart(content)];
}

/** The content as text, with each note on a separate line. */
export function textOf(content: Content): string {
  if (typeof content === "string") return content;
  return content.reduce((text, part) => {
    if (part.type === "text") return text + part.text;
    const note = part.type === "unread" ? part.note : pictureNote;
    return note === "" ? text : `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}${note}\n`;
  }, "");
}

/** A call of an earlier answer. Its arguments may be any value: the model gets its own mistakes as it made them. */
export function callOf(id: string | null | undefined, name: string, given: unknown): ToolCall {
  const text = typeof given === "string" ? given : JSON.stringify(given ?? {});
  return { id: id ?? "", type: "function", function: { name, arguments: text } };
}

/** The only argument of a custom tool's function: its input. */
export const customArgument = "input";

export function readCall({ id, function: called, custom }: PastCall): ToolCall {
  if (called != null) return callOf(id, called.name, called.arguments);
  return callOf(id, custom?.name ?? "", { [customArgument]: custom?.input });
}

/**
 * Whether the user attaches the parts of a message in the last turn. Results of calls are history, and so are the user's messages next to them: agents
 * put there what a tool has read.
 */
export function attachedIn(messages: readonly Pick<PromptMessage, "role">[]): (index: number) => boolean {
  const last = messages.findLastIndex(({ role }) => role === "assistant" || role === "tool");
  return (index) => index > last && messages[last]?.role !== "tool" && messages[index]?.role === "user";
}

/** @throws WaggleError invalid_argument naming the part that the user attaches and the model cannot read */
export function refuseUnread(messages: readonly PromptMessage[]): void {
  const isAttached = attachedIn(messages);
  for (const [index, { content }] of messages.entries()) {
    if (content === null || typeof content === "string" || !isAttached(index)) continue;
    for (const part of content) if (part.type === "unread") throw unsupported(part.field, part.why);
  }
}
