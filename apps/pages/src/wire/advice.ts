// Owns the texts for errors: what failed, what to do, and how long to wait. Pure.
import { formatBytes, formatCount, formatDuration } from "../parts/format.ts";
import type { Problem } from "./problem.ts";
import { settingLabels } from "./setting-labels.ts";

export interface Advice {
  /** What failed, in a few words. */
  readonly title: string;
  /** What the visitor can do. */
  readonly todo: string;
  /** Time until another try makes sense; absent if the server did not give a time. */
  readonly waitMs?: number;
  /** The part of the page that helps. */
  readonly remedy?: "token" | "settings";
}

type Adviser = (problem: Problem) => Omit<Advice, "waitMs">;

/** An entry for each code in the protocol's closed list, and for the two codes of the page. */
const advisers: Readonly<Record<Problem["code"], Adviser>> = {
  invalid_argument: adviseOnRequest,
  unauthenticated: () => ({
    title: "API token missing or wrong",
    todo: "Enter a token, then try again. The server's operator can give you one.",
    remedy: "token",
  }),
  forbidden: () => ({
    title: "Not allowed",
    todo: "This API token, or this page's address, may not do that. Use another token, or ask the server's operator.",
    remedy: "token",
  }),
  not_found: ({ message }) => ({
    title: "Not found",
    todo: `${message} Try again; if the model is missing, choose another one.`,
  }),
  method_not_allowed: () => ({
    title: "The server does not know this request",
    todo: "Reload the page: it may be older than the server.",
  }),
  conflict: () => ({
    title: "This request was sent before",
    todo: "Another job has the same id. Try again to send the request with a new id.",
  }),
  payload_too_large: ({ message, details }) => ({
    title: "The message is too large",
    todo: `${limitWords(details) ?? sentence(message)} Shorten it, or remove attachments.`,
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
    remedy: "settings",
  }),
  unimplemented: ({ message }) => ({
    title: "This model or server cannot do that",
    todo: `${message} Choose another model, or turn the setting off.`,
    remedy: "settings",
  }),
  engine_failed: () => ({
    title: "The engine failed during the answer",
    todo: "The worker restarts it. Try again in a few seconds.",
  }),
  unavailable: ({ message }) => ({
    title: "The model is not ready",
    todo: `${message} It may be loading, restarting or shutting down: try again shortly.`,
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

/** @param now milliseconds since 1970 */
export function adviseOn(problem: Problem, now: number): Advice {
  // A conversation from a newer version may have an unknown code.
  const adviser = Object.hasOwn(advisers, problem.code) ? advisers[problem.code] : advisers.internal;
  const { retryAt } = problem;
  return { ...adviser(problem), ...(retryAt === undefined ? {} : { waitMs: Math.max(0, retryAt - now) }) };
}

/** Advice for a request that was refused because of its length, or one of its fields. */
function adviseOnRequest({ message, details }: Problem): Omit<Advice, "waitMs"> {
  const { n_prompt_tokens: tokens, n_ctx: context } = details ?? {};
  if (typeof tokens === "number" && typeof context === "number") {
    return {
      title: "The message is too long for the model",
      todo: `It has ${formatCount(tokens)} tokens with the conversation before it, and the context holds ${formatCount(context)}, including the answer. Shorten it, remove attachments, shorten the system prompt, or use a model with a larger context.`,
    };
  }
  const refused = refusedField(details);
  if (refused === undefined) {
    return { title: "The server refused the request", todo: `${message} Change the message or the settings.` };
  }
  const label = labelOf(refused.field.split(".")[0] ?? "");
  if (label === undefined) {
    return { title: "The server refused the request", todo: `${refused.field}: ${sentence(refused.problem)}` };
  }
  return {
    title: `The server refused a setting: ${label}`,
    todo: `${sentence(refused.problem)} Change it in Settings, then try again.`,
    remedy: "settings",
  };
}

const quotaWords: Readonly<Record<string, string>> = {
  requests_per_minute: "requests per minute",
  tokens_per_minute: "tokens per minute",
  tokens_per_day: "tokens per day",
  running_jobs: "answers at the same time",
};

function adviseOnCrowd({ message, details, retryAt }: Problem): Omit<Advice, "waitMs"> {
  const { quota } = details ?? {};
  if (typeof quota === "string") {
    return {
      title: `Your quota is used up: ${quotaWords[quota] ?? quota}`,
      todo: "Wait until there is room again, or ask the server's operator for more.",
    };
  }
  // If the server gave a time, the notice counts down. The server's message has a fixed number of seconds and would contradict the countdown.
  return {
    title: "The server is busy",
    todo:
      retryAt === undefined
        ? `${message} Your message is kept: try again shortly.`
        : "It cannot take more requests right now. Your message is kept: try again after the time shown.",
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
