// Owns the lines of batches: OpenAI's, as a program uploads them, and Anthropic's, as the route writes them to the lane; and the lines of their results.
// Shapes after the API references of OpenAI (Batch) and Anthropic (Message Batches).
import { randomBytes } from "node:crypto";
import type { BatchShape, Line, LineAnswer, LineMistake, ResultLine, Unanswered } from "@waggle/jobs";
import { MessageBatchRequestSchema, WaggleError, batchLimits } from "@waggle/protocol";
import { parseJson } from "../../body/parse-json.ts";
import { noUsage, objectOf, usageIn } from "./usage.ts";

/** Characters of a line's prefix. */
const prefixChars = 1_024;
/** Members of a body that precede the rest of a prompt. */
const firstMembers = ["tools", "system", "instructions", "messages", "input", "prompt", "query", "state"];

export const openAiLines: BatchShape = {
  readLine(text, number, { endpoint }) {
    const line = parsed(text);
    if ("code" in line) return line;
    const { custom_id: customId, method, url, body } = line.value;
    for (const [param, value] of Object.entries({ custom_id: customId, method, url, body })) {
      if (value == null) return mistake("missing_required_parameter", `The line has no ${param}.`, param);
    }
    if (typeof customId !== "string") return mistake("invalid_type", "The custom_id is no string.", "custom_id");
    if (customId === "" || customId.length > batchLimits.customIdChars) {
      const words = `1 to ${batchLimits.customIdChars} characters`;
      return mistake("invalid_value", `The custom_id must have ${words}.`, "custom_id");
    }
    if (method !== "POST") return mistake("invalid_value", "The method must be POST.", "method");
    if (url !== endpoint) return mistake("url_mismatch", `The url is not the batch's endpoint, ${endpoint}.`, "url");
    if (!isObject(body)) return mistake("invalid_type", "The body is no object.", "body");
    return lineOf(number, customId, endpoint, body);
  },
  resultLine({ customId }, answer) {
    const head = `{"id":"batch_req_${randomBytes(12).toString("hex")}","custom_id":${JSON.stringify(customId)}`;
    if (typeof answer === "string") {
      const error = { code: `batch_${answer}`, message: unansweredWords[answer] };
      return { file: "errors", text: `${head},"response":null,"error":${JSON.stringify(error)}}` };
    }
    const { status, requestId, body } = answer;
    const response = `{"status_code":${status},"request_id":${JSON.stringify(requestId)},"body":${oneLine(body)}}`;
    return { file: isSuccess(answer) ? "output" : "errors", text: `${head},"response":${response},"error":null}` };
  },
  readResult(text) {
    const { custom_id: customId, response } = resultOf(text);
    if (response === null) return { customId, outcome: "unanswered", usage: noUsage };
    const { status_code: status, body } = objectOf(response);
    if (typeof status !== "number") throw new Error("Cannot read a line of results: it has no status");
    return { customId, outcome: isSuccess({ status }) ? "completed" : "failed", usage: usageIn(body) };
  },
};

const unansweredWords: Readonly<Record<Unanswered, string>> = {
  cancelled: "The batch was cancelled before this request was answered.",
  expired: "The batch expired before this request was answered.",
};

export const messageLines: BatchShape = {
  readLine: readMessageRequest,
  resultLine({ customId }, answer): ResultLine {
    const around = (result: string): string => `{"custom_id":${JSON.stringify(customId)},"result":${result}}`;
    if (typeof answer === "string") {
      return { file: "errors", text: around(JSON.stringify({ type: answer === "expired" ? answer : "canceled" })) };
    }
    const body = oneLine(answer.body);
    return isSuccess(answer)
      ? { file: "output", text: around(`{"type":"succeeded","message":${body}}`) }
      : { file: "errors", text: around(`{"type":"errored","error":${body}}`) };
  },
  readResult(text) {
    const { custom_id: customId, result } = resultOf(text);
    const { type, message } = objectOf(result);
    switch (type) {
      case "succeeded":
        return { customId, outcome: "completed", usage: usageIn(message) };
      case "errored":
        return { customId, outcome: "failed", usage: noUsage };
      case "canceled":
      case "expired":
        return { customId, outcome: "unanswered", usage: noUsage };
      default:
        throw new Error("Cannot read a line of results: it has no type");
    }
  },
};

const { custom_id: customIds } = MessageBatchRequestSchema.shape.requests.element.shape;

/** An element of a message batch's requests. */
export function readMessageRequest(text: string, number: number): Line | LineMistake {
  const line = parsed(text);
  if ("code" in line) return line;
  const { custom_id: customId, params } = line.value;
  const id = customIds.safeParse(customId);
  if (!id.success) return mistake("invalid_value", id.error.issues[0]?.message ?? "", "custom_id");
  if (!isObject(params)) return mistake("invalid_type", "must be an object", "params");
  return lineOf(number, id.data, "/v1/messages", params);
}

type Json = Readonly<Record<string, unknown>>;

function parsed(text: string): LineMistake | { readonly value: Json } {
  try {
    const value = parseJson(text);
    return isObject(value) ? { value } : mistake("invalid_json_line", "The line is no JSON object.", null);
  } catch (error) {
    const { message } = WaggleError.from(error);
    return mistake("invalid_json_line", message.replace("Cannot read the body: it", "Cannot read the line: it"), null);
  }
}

function lineOf(number: number, customId: string, path: string, body: Json): Line {
  const { model } = body;
  const prefix = firstMembers.map((name) => beginningOf(body[name])).join("\n");
  return {
    number,
    customId,
    path,
    model: typeof model === "string" ? model : undefined,
    prefix: prefix.slice(0, prefixChars),
    body: JSON.stringify(body),
  };
}

/** The text, or the JSON of the value or of a list's first element. */
function beginningOf(value: unknown): string {
  if (value === undefined) return "";
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return (typeof first === "string" ? first : (JSON.stringify(first) ?? "")).slice(0, prefixChars);
}

function resultOf(text: string): Json & { readonly custom_id: string } {
  const value: unknown = JSON.parse(text);
  const { custom_id: customId } = objectOf(value);
  if (typeof customId !== "string") throw new Error("Cannot read a line of results: it has no custom_id");
  return { ...objectOf(value), custom_id: customId };
}

/** In JSON, a line break is only a space between tokens. */
function oneLine(json: string): string {
  return json.replaceAll(/[\r\n]/g, " ");
}

function isSuccess({ status }: Pick<LineAnswer, "status">): boolean {
  return status >= 200 && status < 300;
}

function mistake(code: string, message: string, param: string | null): LineMistake {
  return { code, message, param };
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
