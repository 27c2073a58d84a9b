// Reads the contents of messages in all dialects: texts, pictures, calls, and parts that the model cannot read. Such a part becomes a note, unless the user
// attaches it in the last message: then the request is refused. To refuse an earlier part would end the conversation. Decision 123.
import { unescape } from "node:querystring";
import { refuseField } from "@waggle/protocol";
import type { PastCall, ToolCall } from "@waggle/protocol";

export interface UnreadPart {
  readonly type: "unread";
  /** What the model gets in the place of the part. */
  readonly note: string;
  /** The part's field, and why the part is refused. */
  readonly field: string;
  readonly why: string;
}

export type MessageContentPart =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image_url"; readonly image_url: { readonly url: string } }
  | UnreadPart;

export type Content = string | readonly MessageContentPart[];

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
      .map((part) => contentText(readContent([part], field)).trimEnd())
      .filter((text) => text !== "")
      .join("\n\n"),
  };
}

function readPart(part: unknown, field: string): readonly MessageContentPart[] {
  if (part == null) return [];
  if (typeof part === "string" || typeof part === "number" || typeof part === "boolean")
    return [textPart(String(part))];
  const json = recordOf(part);
  const type = typeOf(part);
  switch (type) {
    case "text":
    case "input_text":
    case "output_text":
    case "summary_text":
    case "reasoning_text":
    case "refusal":
    case "thinking":
    case "reasoning": {
      const text = wordsIn(json, field);
      return [text === undefined ? unread(noteOf(json), `${field}.text`, "must be a text") : textPart(text)];
    }
    case "image":
    case "image_url":
    case "input_image":
    case "computer_screenshot": {
      const url = pictureIn(json);
      if (url !== undefined) return [{ type: "image_url", image_url: { url } }];
      const place = fieldOf(json, field);
      const note = place === field ? noteOf(json) : pictureNote;
      return [unread(note, place, "files are not stored; send the picture as a data: URL or as base64")];
    }
    case "document":
    case "file":
    case "input_file":
      return readFile(json, field);
    case "redacted_thinking":
      return [unread(`[${type}, left out]`, field, "only its provider can read it; leave it out")];
    case "compaction":
      if (typeof json["content"] === "string") return [textPart(json["content"])];
      // Anthropic failed to compact the conversation, and continues with its messages.
      if (json["content"] == null && json["encrypted_content"] == null) return [];
      throw refuseField(field, "only its provider can read this summary; send the messages, or a summary as text");
    case "search_result": {
      const { title, source, content } = json;
      if (content == null) break;
      const head = [title, source].filter((line) => typeof line === "string").join("\n");
      return [textPart(`${head}\n${contentText(readContent(content, field))}`.trim())];
    }
    case "json":
    case "input_json": {
      const value = json["json"] ?? json["value"] ?? json["data"] ?? readable(json, true);
      if (value !== undefined) return [textPart(JSON.stringify(value))];
    }
  }
  const why = `"${type.slice(0, nameChars) || "part"}" cannot be read; send its content as text`;
  return [unread(noteOf(json), `${field}.type`, why)];
}

/** The members of a part. A part without a type has the data of a tool. */
function noteOf(json: Json): string {
  const type = typeOf(json).slice(0, nameChars);
  const kept = JSON.stringify(readable(json, type !== "")) as string | undefined;
  if (kept === undefined) return `[${type || "part"}, left out]`;
  return type === "" ? kept : `[${type} ${kept}]`;
}

/** The members in which programs put a part's text. */
const textMembers = ["text", "refusal", "thinking", "reasoning", "content", "summary", "value"];

function wordsIn(json: Json, field: string): string | undefined {
  const texts = textMembers.flatMap((key) => {
    const member = json[key];
    const isObject = typeof member === "object" && member !== null && !Array.isArray(member);
    if (isObject) return wordsIn(member as Json, field) ?? [];
    return member === undefined ? [] : [contentText(readContent(member, field))];
  });
  return texts.find(isText) ?? texts[0];
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

function textPart(text: string): MessageContentPart {
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
function readFile(json: Json, field: string): readonly MessageContentPart[] {
  const file = { ...json, ...recordOf(json["file"]) };
  const source = recordOf(file["source"]);
  const [name = ""] = [file["title"], file["filename"]].filter(isText);
  const context = [file["context"]].filter(isText);
  const head = [name, ...context].filter(isText).map((line) => `${line}\n`);
  if (source["type"] === "content")
    return [textPart(head.join("")), ...partsIn(readContent(source["content"], `${field}.source.content`))];
  const [data] = [file["file_data"], file["data"], source["data"]].filter(isText);
  const declared = /^data:([^;,]+)/.exec(data ?? "")?.[1];
  const [media] = [declared, source["media_type"], file["media_type"], file["mediaType"]].filter(isText);
  const plain = source["type"] === "text" && typeof source["data"] === "string" ? source["data"] : undefined;
  const text = plain ?? (data === undefined ? wordsIn(file, field) : textIn(data, media));
  if (text !== undefined && !isLifted(text)) return [textPart(head.join("") + text)];
  const [url] = [file["file_url"], source["url"]].filter(isText).filter((one) => !isData(one));
  if ((data ?? url ?? file["file_id"] ?? source["file_id"]) === undefined) {
    return [unread(noteOf(json), fieldOf(json, field), "a document cannot be read; send its text")];
  }
  const kind = media === undefined ? "" : ` of type ${media.slice(0, nameChars)}`;
  const called = name === "" ? "" : ` ${JSON.stringify(name.slice(0, nameChars))}`;
  const note = `[document${called}${kind}${url === undefined ? "" : ` at ${url}`}, left out]`;
  // Before its type arrived, a text that begins as base64 does was taken for a picture.
  if (plain !== undefined) return [textPart([...context, note].join("\n"))];
  const why = `a document${kind} cannot be read; send its text`;
  return [unread([...context, note].join("\n"), fieldOf(json, field), why)];
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

const textMedia = /^(?:text\/|application\/(?:json|xml|yaml|javascript))/i;
/** A pattern overflows the stack on a text of megabytes. */
const patternChars = 4_096;
/** Long lines end where encoders break them. */
const base64Text = /^(?:[\w+/-]{60,}\r?\n)*[\w+/-]+={0,2}\s*$/;

/** The text of a file, which is a data: URL, base64 or the text itself. */
function textIn(data: string, media: string | undefined): string | undefined {
  if (media !== undefined && !textMedia.test(media)) return undefined;
  const [head = "", base64] = /^data:[^,]{0,256}?(;base64)?,/i.exec(data) ?? [];
  if (head !== "" && base64 === undefined) return unescape(data.slice(head.length));
  const isWhole = data.length % 4 === 0 || data.length > 60;
  const isPacked = head !== "" || (isWhole && base64Text.test(data.slice(0, patternChars)));
  const bytes = Buffer.from(data.slice(head.length), isPacked ? "base64" : "utf8");
  if (bytes.includes(0) || bytes.subarray(0, 4).equals(Buffer.from("%PDF"))) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    // Only what is declared as text may have another encoding.
    return media === undefined ? undefined : new TextDecoder("windows-1252").decode(bytes);
  }
}

function isLifted(text: string): boolean {
  return /^(?:sha256:[0-9a-f]{64}|unread:\d+)$/.test(text);
}

/** Members of a part that say nothing to a model. Deeper, they are a tool's data. */
const envelope = /^(?:type|id|caller|annotations|citations|signature|fingerprint|logprobs|cache_control)$/;
const isData = (text: string): boolean => isLifted(text) || /^data:[^,]*;base64,/.test(text);
const isBase64 = (key: string, member: unknown): boolean =>
  /data|b64|base64|blob/.test(key) &&
  typeof member === "string" &&
  /^[\w+/=-]{256,}$/.test(member.slice(0, patternChars));

/** The value without what only programs read; undefined if nothing is left. @param isPart whether it is a part, or a list of parts */
export function readable(value: unknown, isPart = false): unknown {
  if (value === null || value === "") return undefined;
  if (typeof value === "string") return isData(value) ? "[data, left out]" : value;
  if (typeof value !== "object") return value;
  if (Array.isArray(value)) {
    const items = value.map((item) => readable(item, isPart)).filter((item) => item !== undefined);
    return items.length === 0 ? undefined : items;
  }
  const members = Object.entries(value).flatMap(([key, member]) => {
    const isMute = (isPart && envelope.test(key)) || key.startsWith("encrypted_") || isBase64(key, member);
    const kept = isMute ? undefined : readable(member);
    return kept === undefined ? [] : [[key, kept] as const];
  });
  return members.length === 0 ? undefined : Object.fromEntries(members);
}

export function partsIn(content: Content): readonly MessageContentPart[] {
  if (typeof content !== "string") return content;
  return content === "" ? [] : [textPart(content)];
}

/** The content as text, with each note on a separate line. */
export function contentText(content: Content): string {
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

/** @throws WaggleError invalid_argument naming the field, without a name */
export function readCall({ id, function: called, custom, ...flat }: PastCall, field: string): ToolCall {
  const { name, arguments: given, args, input } = { ...flat, ...called, ...custom };
  if (name == null) throw refuseField(`${field}.function.name`, "is missing");
  return callOf(id, name, custom == null ? (given ?? args ?? input) : { [customArgument]: input });
}

/**
 * Whether the user attaches the parts of a message. Only the last message may be refused: clients may keep a message that was refused before. Results of
 * calls are history, and so are the user's messages next to them: agents put there what a tool has read.
 */
export function attachedIn(messages: readonly Pick<PromptMessage, "role">[]): (index: number) => boolean {
  const answer = messages.findLastIndex(({ role }) => role === "assistant" || role === "tool");
  const last = messages.findLastIndex(({ role }) => role === "user");
  return (index) => index === last && last > answer && messages[answer]?.role !== "tool";
}

/** @throws WaggleError invalid_argument naming the part that the user attaches and the model cannot read */
export function refuseUnread(messages: readonly PromptMessage[]): void {
  const isAttached = attachedIn(messages);
  for (const [index, { content }] of messages.entries()) {
    if (content === null || typeof content === "string" || !isAttached(index)) continue;
    for (const part of content) if (part.type === "unread") throw refuseField(part.field, part.why);
  }
}
