// Owns the texts for errors: what failed, what to do, and which buttons can help. Pure.
import { formatBytes, formatCount, formatDuration } from "../parts/format.ts";
import type { Problem } from "./problem.ts";
import { settingLabels } from "./setting-labels.ts";

export interface Advice {
  /** What failed, in a few words. */
  readonly title: string;
  /** What the visitor can do. */
  readonly todo: string;
  /** What can help, the best first. `retry` is in the list if the same request can succeed, now or after another remedy. */
  readonly remedies: readonly Remedy[];
  /** Whether it is no failure: the server only asks to wait. */
  readonly calm: boolean;
}

export type Remedy = "retry" | "token" | "settings" | "models" | "edit" | "reload";

/** What a problem's code decides. A retry helps, unless other remedies are given. */
type Words = Pick<Advice, "title" | "todo"> & Partial<Advice>;
type Adviser = (problem: Problem) => Words;

/** An entry for each code in the protocol's closed list, and for the two codes of the page. */
const advisers: Readonly<Record<Problem["code"], Adviser>> = {
  invalid_argument: adviseOnRequest,
  unauthenticated: () => ({
    title: "API token missing or wrong",
    todo: "Enter a token, then try again. The server's operator can give you one.",
    remedies: ["token", "retry"],
  }),
  forbidden: () => ({
    title: "Not allowed",
    todo: "This API token, or this page's address, may not do that. Use another token, or ask the server's operator.",
    remedies: ["token", "retry"],
  }),
  not_found: ({ message }) => ({
    title: "Not found",
    todo: `${message} Choose another model, or try again when the server has this one.`,
    remedies: ["models", "retry"],
  }),
  method_not_allowed: () => ({
    title: "The server does not know this request",
    todo: "Reload the page: it may be older than the server.",
    remedies: ["reload"],
  }),
  conflict: () => ({
    title: "This request was sent before",
    todo: "Another job has the same id. Try again to send the request with a new id.",
  }),
  payload_too_large: ({ message, details }) => ({
    title: "The message is too large",
    todo: `${limitWords(details) ?? sentence(message)} Shorten it, or remove attachments.`,
    remedies: ["edit"],
  }),
  resource_exhausted: adviseOnCrowd,
  cancelled: () => ({
    title: "Cancelled",
    todo: "A newer message, another tab or the server cancelled this answer. Try again to get it.",
  }),
  slow_consumer: () => ({
    title: "This page fell too far behind",
    todo: "The server no longer has the part that this page has not read. Continue from the text shown, or ask again.",
  }),
  deadline_exceeded: ({ details }) => ({
    title: "The time limit was exceeded",
    todo: `${estimateWords(details)}Try again when the server is less busy, or raise the time limit in Settings.`,
    remedies: ["settings", "retry"],
  }),
  unimplemented: ({ message }) => ({
    title: "This model or server cannot do that",
    todo: `${message} Choose another model, or turn the setting off.`,
    remedies: ["models", "settings", "retry"],
  }),
  engine_failed: () => ({
    title: "The engine failed during the answer",
    todo: "The worker restarts it. Try again in a few seconds.",
  }),
  unavailable: ({ message }) => ({
    title: "The model is not ready",
    todo: `${message} It may be loading, restarting or draining: try again shortly.`,
    calm: true,
  }),
  out_of_space: ({ message }) => ({
    title: "No room for more files",
    todo: `${sentence(message)} Delete files of earlier batches, then try again.`,
  }),
  internal: () => ({
    title: "Something went wrong in the server",
    todo: "Try again. If the error returns, its cause is in the server's log.",
  }),
  gone: ({ message }) => ({ title: "The answer is incomplete", todo: `${message} Continue from there, or ask again.` }),
  unreachable: () => ({
    title: "The worker does not answer",
    todo: "Check that it is running and that this device is online, then try again.",
  }),
};

export function adviseOn(problem: Problem): Advice {
  // A conversation from a newer version may have an unknown code.
  const adviser = Object.hasOwn(advisers, problem.code) ? advisers[problem.code] : advisers.internal;
  return { remedies: ["retry"], calm: false, ...adviser(problem) };
}

/** For a request whose fault is unknown, or a field without a label. */
const changes: Advice["remedies"] = ["edit", "settings", "retry"];

/** Advice for a request that was refused because of its length, or one of its fields. */
function adviseOnRequest({ message, details }: Problem): Words {
  const { n_prompt_tokens: tokens, n_ctx: context } = details ?? {};
  if (typeof tokens === "number" && typeof context === "number") {
    return {
      title: "The message is too long for the model",
      todo: `It has ${formatCount(tokens)} tokens with the conversation before it, and the context holds ${formatCount(context)}, including the answer. Shorten it, remove attachments, shorten the system prompt, or use a model with a larger context.`,
      remedies: ["edit"],
    };
  }
  const refused = refusedField(details);
  if (refused === undefined) {
    const todo = `${message} Change the message or the settings.`;
    return { title: "The server refused the request", todo, remedies: changes };
  }
  const label = labelOf(refused.field.split(".")[0] ?? "");
  if (label === undefined) {
    const todo = `${refused.field}: ${sentence(refused.problem)}`;
    return { title: "The server refused the request", todo, remedies: changes };
  }
  return {
    title: `The server refused a setting: ${label}`,
    todo: `${sentence(refused.problem)} Change it in Settings, then try again.`,
    remedies: ["settings", "retry"],
  };
}

const quotaWords: Readonly<Record<string, string>> = {
  requests_per_minute: "requests per minute",
  tokens_per_minute: "tokens per minute",
  tokens_per_day: "tokens per day",
  running_jobs: "answers at the same time",
};

function adviseOnCrowd({ message, details, retryAt }: Problem): Words {
  const { quota } = details ?? {};
  if (typeof quota === "string") {
    return {
      title: `Your quota is used up: ${quotaWords[quota] ?? quota}`,
      todo: "Your message is kept. Wait until there is room again, or ask the server's operator for more.",
      calm: true,
    };
  }
  // If the server gave a time, the notice counts down. The server's message has a fixed number of seconds and would contradict the countdown.
  return {
    title: "The server is busy",
    todo:
      retryAt === undefined
        ? `${message} Your message is kept: try again shortly.`
        : "It cannot take more requests right now. Your message is kept.",
    calm: true,
  };
}

interface Refused {
  readonly field: string;
  readonly problem: string;
}

function refusedField(details: Problem["details"]): Refused | undefined {
  const { problems } = details ?? {};
  const first: unknown = Array.isArray(problems) ? problems[0] : undefined;
  if (typeof first !== "object" || first === null) return undefined;
  const { field, problem } = first as Partial<Record<keyof Refused, unknown>>;
  return typeof field === "string" && field !== "" && typeof problem === "string" ? { field, problem } : undefined;
}

function labelOf(field: string): string | undefined {
  return (settingLabels as Partial<Record<string, string>>)[field];
}

function limitWords(details: Problem["details"]): string | undefined {
  const { max_bytes: bytes } = details ?? {};
  return typeof bytes === "number" ? `The server accepts at most ${formatBytes(bytes)}.` : undefined;
}

function estimateWords(details: Problem["details"]): string {
  const { estimate_ms: estimate } = details ?? {};
  return typeof estimate === "number" ? `Estimated wait: ${formatDuration(estimate, "up")}. ` : "";
}

function sentence(text: string): string {
  const upper = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(upper) ? upper : `${upper}.`;
}
