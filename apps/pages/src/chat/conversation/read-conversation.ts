// Owns reading a conversation from a file: refuses wrong shapes, and leaves out unknown fields. Pure.
import type { FiledPicture } from "../pictures/picture-file.ts";
import type { Attachment } from "../attachments/attachment.ts";
import type { McpResult, McpStep } from "../mcp/mcp-steps.ts";
import type { Overrides } from "../compare/overrides.ts";
import type { Settings } from "../settings/settings.ts";
import type { ToolCall, ToolResult } from "../tool-calls/tool-calls.ts";
import { isObject, readTools } from "../tool-calls/tool-list.ts";
import { answerPhases, type Answer } from "./answer.ts";
import type { Conversation, Message, UserMessage } from "./conversation.ts";
import { hasCircle } from "./message-tree.ts";

type Check = (value: unknown) => boolean;
/** A row for each field, so that a new field does not compile without its check. */
type Shape<T> = { readonly [Key in keyof Required<T>]: { readonly fits: Check; readonly needed?: true } };
type Fields = Readonly<Record<string, unknown>>;

const maxIdChars = 200;
const isText: Check = (value) => typeof value === "string";
const isNumber: Check = (value) => typeof value === "number" && Number.isFinite(value);
/** An id that the worker accepts, like all ids of this page. */
const isId: Check = (value) =>
  typeof value === "string" && value.length <= maxIdChars && /^[A-Za-z0-9._:-]+$/.test(value) && /[^.]/.test(value);
const isYes: Check = (value) => value === true;
const isBoolean: Check = (value) => typeof value === "boolean";
const isRecordOf =
  (check: Check): Check =>
  (value) =>
    isObject(value) && Object.values(value).every(check);

function isListOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every(check);
}

const messageShape: Shape<UserMessage> = {
  role: { fits: (value) => value === "user", needed: true },
  id: { fits: isId, needed: true },
  parent: { fits: isId },
  sentAt: { fits: isNumber, needed: true },
  text: { fits: isText, needed: true },
  attachments: { fits: isListOf((value) => fitsAll(value, attachmentShape)) },
  results: { fits: isListOf((value) => fitsAll(value, resultShape)) },
};

const resultShape: Shape<ToolResult> = {
  callId: { fits: isText, needed: true },
  name: { fits: isText, needed: true },
  text: { fits: isText, needed: true },
};

const callShape: Shape<ToolCall> = {
  index: { fits: isNumber, needed: true },
  id: { fits: isText, needed: true },
  name: { fits: isText, needed: true },
  arguments: { fits: isText, needed: true },
  server: { fits: isText },
  tool: { fits: isText },
  cut: { fits: isYes },
};

const toolOutcomes: readonly McpResult["outcome"][] = ["done", "tool_error", "failed", "refused", "unknown"];

const mcpResultShape: Shape<McpResult> = {
  callId: { fits: isText, needed: true },
  server: { fits: isText, needed: true },
  tool: { fits: isText, needed: true },
  outcome: { fits: (value) => toolOutcomes.some((outcome) => outcome === value), needed: true },
  text: { fits: isText, needed: true },
};

const stepShape: Shape<McpStep> = {
  text: { fits: isText, needed: true },
  thoughts: { fits: isText },
  calls: { fits: isListOf((value) => fitsAll(value, callShape)), needed: true },
  results: { fits: isListOf((value) => fitsAll(value, mcpResultShape)), needed: true },
  asks: { fits: isText },
};

const attachmentShape: Shape<Attachment> = {
  id: { fits: isId, needed: true },
  name: { fits: isText, needed: true },
  bytes: { fits: isNumber, needed: true },
  text: { fits: isText, needed: true },
  pages: { fits: isNumber },
  tokens: { fits: isNumber },
  picture: { fits: (value) => fitsAll(value, pictureShape) },
};

const pictureShape: Shape<FiledPicture> = {
  width: { fits: isNumber, needed: true },
  height: { fits: isNumber, needed: true },
  scaled: { fits: isYes },
  data: { fits: isText },
};

function fitsAll<T>(value: unknown, shape: Shape<T>): boolean {
  return passes(() => pick(value, shape, ""));
}

function passes(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    return false;
  }
}

const overridesShape: Shape<Overrides> = {
  model: { fits: isText },
  temperature: { fits: isNumber },
  thinking: { fits: isBoolean },
};

const answerShape: Shape<Answer> = {
  role: { fits: (value) => value === "assistant", needed: true },
  id: { fits: isId, needed: true },
  parent: { fits: isId },
  sentAt: { fits: isNumber, needed: true },
  jobId: { fits: isId, needed: true },
  attempt: { fits: isNumber },
  jobSentAt: { fits: isNumber },
  continuedAfter: { fits: isNumber },
  edited: { fits: isYes },
  phase: { fits: (value) => answerPhases.some((phase) => phase === value), needed: true },
  model: { fits: isText },
  overrides: { fits: (value) => fitsAll(value, overridesShape) },
  text: { fits: isText, needed: true },
  thoughts: { fits: isText },
  thoughtMs: { fits: isNumber },
  thinkingFromMs: { fits: isNumber },
  calls: { fits: isListOf((value) => fitsAll(value, callShape)) },
  mcpSteps: { fits: isListOf((value) => fitsAll(value, stepShape)) },
  lastIndex: { fits: isNumber, needed: true },
  position: { fits: isNumber },
  etaMs: { fits: isNumber },
  promptShare: { fits: isNumber },
  parked: { fits: isYes },
  reconnecting: { fits: isBoolean },
  reconnectAt: { fits: isNumber },
  ttftMs: { fits: isNumber },
  firstTokenMs: { fits: isNumber },
  tokens: { fits: isNumber, needed: true },
  tokensPerSecond: { fits: isNumber },
  promptTokens: { fits: isNumber },
  cutShort: { fits: isBoolean },
  stoppedBy: { fits: isText },
  leftOut: { fits: isNumber },
  problem: { fits: (value) => isObject(value) && isText(value["code"]) && isText(value["message"]) },
};

const settingsShape: Shape<Settings> = {
  system: { fits: isText, needed: true },
  sampling: { fits: isRecordOf(isNumber), needed: true },
  stop: { fits: isListOf(isText) },
  jsonSchema: { fits: isObject },
  reasoning: {
    fits: (value) => isObject(value) && Object.values(value).every((part) => isText(part) || isBoolean(part)),
  },
  mcpTools: { fits: (value) => isYes(value) || isListOf(isText)(value) },
  tools: { fits: (value) => passes(() => readTools(JSON.stringify(value))) },
  model: { fits: isText },
};

const headShape: Shape<Omit<Conversation, "turns" | "settings" | "deletedAt" | "removed">> = {
  id: { fits: isId, needed: true },
  updatedAt: { fits: isNumber, needed: true },
  title: { fits: isText, needed: true },
  named: { fits: isYes },
  pinned: { fits: isYes },
  chosen: { fits: isRecordOf(isText), needed: true },
};

/**
 * @param what the subject of the error's sentence: "conversation 3"
 * @throws Error whose message is a sentence without a capital letter: "conversation 3 has no turns"
 */
export function readConversation(value: unknown, what: string): Conversation {
  if (!isObject(value)) throw new Error(`${what} is not an object`);
  const head = pick(value, headShape, what) as Omit<Conversation, "turns" | "settings">;
  const listed = value["turns"];
  if (!Array.isArray(listed)) throw new Error(`${what} has no turns`);
  const messages = listed.map((message, i) => readMessage(message, `turn ${i + 1} of ${what}`));
  if (new Set(messages.map(({ id }) => id)).size < messages.length) throw new Error(`${what} has a turn twice`);
  if (hasCircle(messages)) throw new Error(`in ${what} a turn comes before itself`);
  return { ...head, settings: readSettings(value["settings"], `the settings of ${what}`), turns: messages };
}

/** @throws Error as `readConversation` does */
export function readSettings(value: unknown, what: string): Settings {
  if (!isObject(value)) throw new Error(`${what} are not an object`);
  return pick(value, settingsShape, what) as unknown as Settings;
}

function readMessage(value: unknown, what: string): Message {
  const role = isObject(value) ? value["role"] : undefined;
  if (role === "user") return pick(value, messageShape, what) as unknown as Message;
  if (role === "assistant") return pick(value, answerShape, what) as unknown as Message;
  throw new Error(`${what} is neither a message nor an answer`);
}

function pick<T>(value: unknown, shape: Shape<T>, what: string): Fields {
  if (!isObject(value)) throw new Error(`${what} is not an object`);
  const rows = Object.entries<{ fits: Check; needed?: true }>(shape);
  const known = rows.flatMap(([key, { fits, needed }]) => {
    const field = value[key];
    if (field === undefined && needed !== true) return [];
    if (field === undefined) throw new Error(`${what} has no "${key}"`);
    if (!fits(field)) throw new Error(`${what} has an invalid "${key}"`);
    return [[key, field] as const];
  });
  return Object.fromEntries(known);
}
